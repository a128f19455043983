import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { createBatcher, createStore } from './a-batcher.ts'
import { aBlock, aTarget } from '../../helpers/batches.ts'

describe('Batcher, whole requests', () => {
  it('stores nothing of a request that does not fit as a whole', async () => {
    const clock = new ManualClock()
    const { batcher, deliver: collector } = createBatcher({ store: createStore(clock, 10_000) })
    const text = (length: number) => `{"a":"${'x'.repeat(length)}"}`
    const append = (...tables: string[]) =>
      batcher.append(
        tables.map((table) => ({
          target: aTarget({ destination: { table } }),
          block: aBlock([text(4_000)]),
        })),
      )
    await append('A')
    await assert.rejects(append('A', 'B'), { code: 'MEMORY_FULL' })
    await append('B')
    await batcher.drain()
    assert.deepEqual(
      collector.batches.map(({ destination, recordCount }) => [destination.table, recordCount]),
      [
        ['A', 1],
        ['B', 1],
      ],
      'a sender that is sent away comes again with all of it',
    )
  })

  it('opens no lane for a request that has one destination too many', async () => {
    const { batcher, deliver: collector } = createBatcher({ maxDestinations: 2 })
    const append = (...tables: string[]) =>
      batcher.append(
        tables.map((table) => ({ target: aTarget({ destination: { table } }), block: aBlock(['{}']) })),
      )
    await assert.rejects(append('A', 'B', 'C'), { code: 'ROUTE_TOO_MANY_DESTINATIONS' })
    await batcher.drain()
    assert.deepEqual(collector.batches, [])
    await append('C', 'D')
  })

  it('seals what is open when told so, and goes on', async () => {
    const { batcher, deliver: collector } = createBatcher()
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":1}']) }])
    await batcher.flush()
    assert.equal(collector.batches.length, 1)
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":2}']) }])
    await batcher.flush()
    await batcher.flush()
    assert.deepEqual(
      collector.batches.map(({ recordCount }) => recordCount),
      [1, 1],
    )
  })
})
