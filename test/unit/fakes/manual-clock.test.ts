import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../../fakes/manual-clock.ts'

describe('ManualClock', () => {
  it('fires timers in order of time and then of creation, each at its own moment', () => {
    const clock = new ManualClock(1_000)
    const fired: [string, number][] = []
    clock.after(20, () => fired.push(['late', clock.now()]))
    clock.after(10, () => fired.push(['first', clock.now()]))
    clock.after(10, () => fired.push(['second', clock.now()]))

    clock.advance(20)

    assert.deepEqual(fired, [
      ['first', 1_010],
      ['second', 1_010],
      ['late', 1_020],
    ])
    assert.equal(clock.monotonic(), 20)
  })

  it('keeps a timer that is not due and drops a cancelled one', () => {
    const clock = new ManualClock()
    let firedCount = 0
    clock.after(11, () => (firedCount += 1))
    clock.after(5, () => (firedCount += 100)).cancel()

    clock.advance(10)
    assert.equal(firedCount, 0)
    assert.equal(clock.timersCount, 1)

    clock.advance(1)
    assert.equal(firedCount, 1)
    assert.equal(clock.timersCount, 0)
  })

  it('fires timers that are set while it advances, if they are due', () => {
    const clock = new ManualClock()
    const times: number[] = []
    const tick = () => {
      times.push(clock.monotonic())
      clock.after(10, tick)
    }
    clock.after(10, tick)

    clock.advance(35)

    assert.deepEqual(times, [10, 20, 30])
  })

  it('settles promises between timers when asked to', async () => {
    const clock = new ManualClock()
    const steps: string[] = []
    clock.after(1, () => void Promise.resolve().then(() => steps.push('promise of the first')))
    clock.after(2, () => steps.push('second'))

    await clock.advanceAndSettle(2)

    assert.deepEqual(steps, ['promise of the first', 'second'])
  })

  it('jumps the wall clock without touching timers or monotonic time', () => {
    const clock = new ManualClock(5_000)
    clock.after(1, () => assert.fail('fired'))

    clock.jump(-4_000)

    assert.equal(clock.now(), 1_000)
    assert.equal(clock.monotonic(), 0)
  })
})
