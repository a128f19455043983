import { setTimeout as pause } from 'node:timers/promises'

/** Waits until `condition` holds; fails with what was seen when it does not within the deadline. */
export async function waitFor<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  timeoutMs = 20_000,
): Promise<NonNullable<Value>> {
  const deadline = performance.now() + timeoutMs
  let seen: Value
  do {
    seen = await condition()
    if (seen !== false && seen !== undefined && seen !== null && seen !== 0) return seen
    await pause(10)
  } while (performance.now() < deadline)
  throw new Error(`waited ${timeoutMs} ms for ${what}; last seen: ${JSON.stringify(seen)}`)
}
