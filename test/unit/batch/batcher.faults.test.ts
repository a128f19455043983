import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Batcher } from '../../../sidecar/batch/batcher.ts'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { BatchStore, SealedBatch } from '../../../sidecar/core/ports.ts'
import { Semaphore } from '../../../sidecar/core/semaphore.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aBlock, aTarget, recordsOf } from '../../helpers/batches.ts'
import { waitFor } from '../../helpers/wait.ts'

/** A batcher over a store in memory whose `open` and `seal` fail as long as they are told to. */
function create(isDurable = true) {
  const clock = new ManualClock()
  const metrics = createMetrics()
  const memory = new MemoryStore({ maxBytes: 1e9, clock, random: new SeededRandom(1) })
  const failing = { open: false, seal: false }
  const refuse = () => {
    throw new SidecarError('JOURNAL_WRITE_FAILED', 'planned')
  }
  const store: BatchStore = {
    isDurable,
    ensureRoom: () => undefined,
    async open(destination, settlement) {
      if (failing.open) refuse()
      const batch = await memory.open(destination, settlement)
      return {
        id: batch.id,
        sync: () => batch.sync(),
        append: (frame) => batch.append(frame),
        seal: async () => (failing.seal ? refuse() : batch.seal()),
      }
    },
  }
  const batches: SealedBatch[] = []
  const batcher = new Batcher({
    store,
    deliver: { deliver: async (batch) => void batches.push(batch) },
    ledger: undefined,
    compressions: new Semaphore(4),
    compress: zlibCompressor.compress,
    maxDestinations: 10,
    maxPendingBytes: 10_000,
    clock,
    log: silentLog(),
    metrics,
  })
  const pendingBytes = async () => (await metrics.batchPendingBytes.get()).values[0]?.value ?? 0
  return { batcher, batches, clock, failing, pendingBytes }
}

describe('Batcher over a failing store', () => {
  it('tells every waiting sender to come again when no batch can be opened', async () => {
    const { batcher, failing, pendingBytes } = create()
    failing.open = true
    const appends = [1, 2, 3].map((n) =>
      batcher.append([{ target: aTarget(), block: aBlock([`{"n":${n}}`]) }]),
    )
    for (const append of appends) await assert.rejects(append, { code: 'JOURNAL_WRITE_FAILED' })
    assert.equal(await pendingBytes(), 0)
    failing.open = false
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":4}']) }])
  })

  it('keeps records that nobody else has until a batch can be opened, also through a drain', async () => {
    const { batcher, batches, clock, failing, pendingBytes } = create()
    failing.open = true
    await batcher.append([{ target: aTarget({ guarantee: 'none' }), block: aBlock(['{"n":1}']) }])
    await waitFor('the lane to rest', () => clock.timersCount)
    const drained = batcher.drain()
    await clock.advanceAndSettle(5_000)
    assert.equal(batcher.isIdle, false)
    failing.open = false
    await clock.advanceAndSettle(1_000)
    await drained
    assert.deepEqual(await Promise.all(batches.map(recordsOf)), [['{"n":1}']])
    assert.equal(await pendingBytes(), 0)
  })

  it('tells waiting senders when a batch in memory cannot be sealed', async () => {
    const { batcher, failing, pendingBytes } = create(false)
    failing.seal = true
    const append = batcher.append([{ target: aTarget(), block: aBlock(['{"n":1}']) }])
    await batcher.drain()
    await assert.rejects(append, { code: 'JOURNAL_WRITE_FAILED' })
    assert.equal(await pendingBytes(), 0)
  })

  it('never joins records with different ingestion properties', async () => {
    const { batcher, batches } = create()
    const properties = [{ additionalTags: ['a'] }, { dropByTags: ['a'] }, { ingestionMappingRef: 'm' }, {}]
    for (const destination of properties)
      await batcher.append([{ target: aTarget({ destination }), block: aBlock(['{}']) }])
    await batcher.drain()
    assert.equal(batches.length, properties.length)
  })
})
