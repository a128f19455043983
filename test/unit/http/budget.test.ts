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
})
