import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '../../../sidecar/core/limits.ts'
import { Budget } from '../../../sidecar/http/budget.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

function create(max: number) {
  const clock = new ManualClock()
  let used = 0
  const onChange = (now: number) => (used = now)
  const budget = new Budget({ max, clock, onChange, describe: () => 'All is used up.' })
  return { clock, budget, used: () => used }
}

describe('Budget', () => {
  it('lets requests in up to its size and gives back what they held', async () => {
    const { budget, used } = create(100)
    const [first, second] = [budget.lease(), budget.lease()]
    await first.take(60)
    await second.take(40)
    assert.equal(used(), 100)
    first.release()
    assert.equal(used(), 40)
    second.release()
    assert.equal(used(), 0)
  })

  it('admits who waits, in order, as soon as there is room', async () => {
    const { budget } = create(100)
    const first = budget.lease()
    await first.take(100)
    const admitted: string[] = []
    const waiting = ['a', 'b'].map(async (name) => {
      const lease = budget.lease()
      await lease.take(50)
      admitted.push(name)
    })
    first.release()
    await Promise.all(waiting)
    assert.deepEqual(admitted, ['a', 'b'])
  })

  it('tells who waited too long to come back, and takes nothing for it', async () => {
    const { budget, clock, used } = create(100)
    await budget.lease().take(100)
    const refused = assert.rejects(budget.lease().take(1), {
      code: 'HTTP_OVERLOADED',
      message: 'All is used up. Send it again.',
    })
    clock.advance(limits.overloadHoldMs)
    await refused
    assert.equal(used(), 100)
  })

  it('lets a single request in that is larger than the budget', async () => {
    const { budget, clock } = create(100)
    const lease = budget.lease()
    await lease.take(500)
    await lease.take(500)
    const refused = assert.rejects(budget.lease().take(1), { code: 'HTTP_OVERLOADED' })
    clock.advance(limits.overloadHoldMs)
    await refused
    lease.release()
    await budget.lease().take(100)
  })

  it('counts who was admitted after waiting, and gives back once', async () => {
    const { budget, used } = create(100)
    const first = budget.lease()
    await first.take(100)
    const second = budget.lease()
    const admitted = second.take(60)
    first.release()
    first.release()
    await admitted
    assert.equal(used(), 60)
    second.release()
    assert.equal(used(), 0)
  })

  it('lets nobody overtake who waits, unless who waits gave up', async () => {
    const { budget, clock, used } = create(100)
    const first = budget.lease()
    await first.take(60)
    const large = assert.rejects(budget.lease().take(50), { code: 'HTTP_OVERLOADED' })
    clock.advance(limits.overloadHoldMs / 2)
    const small = budget.lease().take(10)
    assert.equal(used(), 60, 'the small one stands in line')
    clock.advance(limits.overloadHoldMs / 2)
    await large
    await small
    assert.equal(used(), 70)
  })

  it('counts what is there already, with or without room', async () => {
    const { budget, used } = create(100)
    const [first, second] = [budget.lease(), budget.lease()]
    await first.take(90)
    assert.deepEqual([second.hasRoom(10), second.hasRoom(11), first.hasRoom(1_000)], [true, false, true])
    second.count(50)
    assert.equal(used(), 140)
    second.release()
    assert.equal(used(), 90)
  })
})
