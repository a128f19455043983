import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuestionQueue } from '../../../sidecar/delivery/question-queue.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'

function create(limits = { maxInFlight: 8, perSecond: 20 }) {
  const clock = new ManualClock()
  const queue = new QuestionQueue(clock, limits)
  const asked: { name: number; atMs: number }[] = []
  const add = (dueMs: number, name: number) =>
    queue.add(dueMs, async () => void asked.push({ name, atMs: clock.monotonic() }))
  return { clock, queue, asked, add, names: () => asked.map(({ name }) => name) }
}

describe('QuestionQueue', () => {
  it('asks when it is due, and not before', async () => {
    const { clock, add, asked } = create()
    add(500, 1)
    await clock.advanceAndSettle(499)
    assert.equal(asked.length, 0)
    await clock.advanceAndSettle(1)
    assert.deepEqual(asked, [{ name: 1, atMs: 500 }])
  })

  it('asks first what is due first, in whatever order it came', async () => {
    const { clock, add, names } = create()
    const random = new SeededRandom(3)
    const dues = Array.from({ length: 500 }, () => 1_000 + random.integer(100))
    for (const [name, due] of dues.entries()) add(due, name)
    await clock.advanceAndSettle(60_000)
    const expected = [...dues.entries()].sort(([a, dueA], [b, dueB]) => dueA - dueB || a - b)
    assert.deepEqual(
      names(),
      expected.map(([name]) => name),
    )
  })

  it('spreads what is due at once evenly, and needs one timer for it', async () => {
    const { clock, add, asked } = create()
    for (let name = 0; name < 20_000; name += 1) add(0, name)
    for (let second = 1; second <= 10; second += 1) {
      await clock.advanceAndSettle(1_000)
      assert.ok(clock.timersCount <= 1)
      assert.ok(Math.abs(asked.length - second * 20) <= 1, `${asked.length} in ${second} s`)
    }
    for (const [index, { atMs }] of asked.entries()) assert.equal(atMs, index * 50)
  })

  it('saves no places up while it has nothing to ask', async () => {
    const { clock, add, asked } = create()
    await clock.advanceAndSettle(60_000)
    for (let name = 0; name < 100; name += 1) add(0, name)
    await clock.advanceAndSettle(1_000)
    assert.ok(asked.length <= 21)
  })

  it('asks no more at once than it may, and goes on when an answer comes', async () => {
    const { clock, queue } = create({ maxInFlight: 2, perSecond: 1_000 })
    const answers: (() => void)[] = []
    for (let n = 0; n < 5; n += 1) queue.add(0, () => new Promise((resolve) => void answers.push(resolve)))
    await clock.advanceAndSettle(10_000)
    assert.equal(answers.length, 2)
    answers[0]?.()
    await clock.advanceAndSettle(10)
    assert.equal(answers.length, 3)
  })

  it('is woken earlier for one that is due earlier', async () => {
    const { clock, add, names } = create()
    add(10_000, 1)
    add(1_000, 2)
    await clock.advanceAndSettle(1_000)
    assert.deepEqual(names(), [2])
    assert.equal(clock.timersCount, 1)
  })

  it('asks nothing more after stop, and leaves no timer', async () => {
    const { clock, queue, add, names } = create()
    add(1_000, 1)
    queue.stop()
    add(0, 2)
    await clock.advanceAndSettle(10_000)
    assert.deepEqual(names(), [])
    assert.equal(clock.timersCount, 0)
  })
})
