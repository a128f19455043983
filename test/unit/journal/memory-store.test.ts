import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination, aFrame, blobOf, recordsOf } from '../../helpers/batches.ts'

const create = (maxBytes: number) =>
  new MemoryStore({ maxBytes, clock: new ManualClock(), random: new SeededRandom(1) })

describe('MemoryStore', () => {
  it('gives a batch back as one gzip member, as often as asked', async () => {
    const open = await create(1_000).open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    await open.append(aFrame(['{"n":2}', '{"n":3}']))
    const sealed = await open.seal()
    assert.ok(sealed !== undefined)
    assert.deepEqual(await recordsOf(sealed), ['{"n":1}', '{"n":2}', '{"n":3}'])
    assert.deepEqual(await recordsOf(sealed), ['{"n":1}', '{"n":2}', '{"n":3}'])
    assert.equal((await blobOf(sealed)).length, sealed.blobBytes)
    assert.equal(sealed.recordCount, 3)
  })

  it('has no batch without records', async () => {
    assert.equal(await (await create(1_000).open(aDestination())).seal(), undefined)
  })

  it('refuses what is over its limit, and has room again when a batch is gone', async () => {
    const frame = aFrame(['{"n":1}'])
    const store = create(frame.payload.length)
    const open = await store.open(aDestination())
    await open.append(frame)
    await assert.rejects(open.append(frame), { code: 'MEMORY_FULL', httpStatus: 503 })
    await (await open.seal())?.remove()
    await (await store.open(aDestination())).append(frame)
  })
})
