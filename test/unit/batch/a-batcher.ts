import { Batcher } from '../../../sidecar/batch/batcher.ts'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import type { SidecarError } from '../../../sidecar/core/errors.ts'
import { limits } from '../../../sidecar/core/limits.ts'
import type { BatchStore, Deliver, RequestLedger, SealedBatch } from '../../../sidecar/core/ports.ts'
import { Semaphore } from '../../../sidecar/core/semaphore.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'

class Collector implements Deliver {
  readonly batches: SealedBatch[] = []
  outcome: () => Promise<void> = async () => undefined

  async deliver(batch: SealedBatch): Promise<void> {
    this.batches.push(batch)
    await this.outcome()
  }
}

/** A store in memory that says it is durable, so that appends are acknowledged when written. */
export function createStore(
  clock: ManualClock,
  maxBytes = 1_000_000_000,
): BatchStore & { failing: SidecarError | undefined } {
  const memory = new MemoryStore({ maxBytes, clock, random: new SeededRandom(1) })
  const store = {
    isDurable: true,
    failing: undefined as SidecarError | undefined,
    ensureRoom: (bytesCount: number) => memory.ensureRoom(bytesCount),
    async open(...about: Parameters<BatchStore['open']>) {
      const batch = await memory.open(...about)
      return {
        id: batch.id,
        sync: () => batch.sync(),
        seal: () => batch.seal(),
        append: async (frame: Parameters<typeof batch.append>[0]) => {
          if (store.failing !== undefined) throw store.failing
          await batch.append(frame)
        },
      }
    },
  }
  return store
}

export function createBatcher(
  overrides: {
    store?: BatchStore
    maxPendingBytes?: number
    maxDestinations?: number
    ledger?: RequestLedger
  } = {},
) {
  const clock = new ManualClock()
  const deliver = new Collector()
  const store = overrides.store ?? createStore(clock)
  const batcher = new Batcher({
    store,
    deliver,
    ledger: overrides.ledger,
    compressions: new Semaphore(limits.compressionsInFlight),
    compress: zlibCompressor.compress,
    maxDestinations: overrides.maxDestinations ?? 1_000,
    maxPendingBytes: overrides.maxPendingBytes ?? 100_000_000,
    clock,
    log: silentLog(),
    metrics: createMetrics(),
  })
  return { batcher, clock, deliver, store }
}
