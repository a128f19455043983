import type { TestContext } from 'node:test'

const stacks = new WeakMap<object, (() => unknown)[]>()

/** Runs `work` after the test, last registered first, so that what was started last is stopped first. `t.after` alone goes the other way. */
export function onCleanup(t: Pick<TestContext, 'after'>, work: () => unknown): void {
  const existing = stacks.get(t)
  if (existing !== undefined) {
    existing.push(work)
    return
  }
  const stack = [work]
  stacks.set(t, stack)
  t.after(async () => {
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) await next()
  })
}
