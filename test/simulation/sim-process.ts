import { constants, deflateRawSync } from 'node:zlib'
import { Batcher } from '../../sidecar/batch/batcher.ts'
import { limits } from '../../sidecar/core/limits.ts'
import type {
  BatchStore,
  DeadLetter,
  DeadLetterSink,
  Deliver,
  FileSystem,
  KustoGateway,
  Random,
  RequestLedger,
  SealedBatch,
} from '../../sidecar/core/ports.ts'
import { Semaphore } from '../../sidecar/core/semaphore.ts'
import { DeliveryQueue } from '../../sidecar/delivery/delivery.ts'
import { DiskStore } from '../../sidecar/journal/disk-store.ts'
import { MemoryLedger } from '../../sidecar/ledger/memory-ledger.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import type { ManualClock } from '../fakes/manual-clock.ts'
import type { MemoryFileSystem } from '../fakes/memory-file-system.ts'
import type { SeededRandom } from '../fakes/seeded-random.ts'

export const syncIntervalMs = 100
const dedup = { dedupWindowMs: 3_600_000, dedupMaxKeys: 10_000 }

/** One life of the sidecar: everything between the answer to a shipper and Kusto. */
export type SimProcess = {
  readonly store: DiskStore
  readonly batcher: Batcher
  readonly delivery: DeliveryQueue
  readonly ledger: RequestLedger | undefined
  /** Promises can no longer be kept: the process has to be replaced. */
  hasFailed: boolean
}

export type SimWorld = {
  readonly disk: MemoryFileSystem
  readonly clock: LifeClock
  readonly kusto: KustoGateway
  readonly random: SeededRandom
  readonly isDedupOn: boolean
  readonly onFatal: () => void
  /** Bugs to be planted. */
  readonly plants: Plants
  readonly keep: (letters: readonly DeadLetter[]) => void
}

/** A bug is a part that does something else than it should; each gets the right one and gives back one with the bug. */
export type Plants = {
  readonly fileSystem?: (right: FileSystem) => FileSystem
  readonly random?: (right: Random) => Random
  readonly gateway?: (right: KustoGateway) => KustoGateway
  readonly ledger?: (right: RequestLedger) => RequestLedger
  readonly store?: (right: DiskStore) => BatchStore
  readonly batch?: (right: SealedBatch) => SealedBatch
  readonly deadLetters?: (right: DeadLetterSink) => DeadLetterSink
}

function planted<Part>(plant: ((right: Part) => Part) | undefined, right: Part): Part {
  return plant === undefined ? right : plant(right)
}

export async function startProcess(world: SimWorld): Promise<SimProcess> {
  const { disk, clock, plants } = world
  const random = planted(plants.random, world.random)
  const metrics = createMetrics()
  const common = { clock, random, log: silentLog(), metrics }
  const process = { hasFailed: false }
  const onFatal = () => {
    if (process.hasFailed) return
    process.hasFailed = true
    world.onFatal()
  }
  const ledger = world.isDedupOn
    ? planted<RequestLedger>(
        plants.ledger,
        new MemoryLedger({ ...common, maxKeys: dedup.dedupMaxKeys, windowMs: dedup.dedupWindowMs }),
      )
    : undefined
  const store = await DiskStore.start({
    ...common,
    ...dedup,
    directory: '/journal',
    maxDiskBytes: 1e9,
    syncIntervalMs,
    ledger,
    fileSystem: planted<FileSystem>(plants.fileSystem, disk),
    onFatal,
  })
  const delivery = new DeliveryQueue({
    ...common,
    gateway: planted(plants.gateway, world.kusto),
    deadLetters: planted<DeadLetterSink>(plants.deadLetters, {
      keep: async (letters) => world.keep(letters),
    }),
    retry: { maxAttempts: 3, baseIntervalMs: 100, maxIntervalMs: 2_000 },
    maxInFlight: 4,
    maxInFlightPerDestination: 2,
  })
  const deliver: Deliver = {
    deliver: (batch, options) => delivery.deliver(planted(plants.batch, batch), options),
  }
  const batcher = new Batcher({
    ...common,
    store: plants.store === undefined ? store : plants.store(store),
    deliver,
    ledger,
    compressions: new Semaphore(limits.compressionsInFlight),
    compress: async (rawBytes) => deflateRawSync(rawBytes, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
    maxDestinations: 10,
    maxPendingBytes: 1e9,
  })
  for (const batch of await store.recover()) void deliver.deliver(batch, { keepExhausted: true })
  return Object.assign(process, { store, batcher, delivery, ledger })
}

/** The clock of one process: after its death none of its timers fires. */
export class LifeClock {
  readonly #clock: ManualClock
  #isOver = false

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  after(delayMs: number, callback: () => void): { cancel: () => void } {
    return this.#clock.after(delayMs, () => {
      if (!this.#isOver) callback()
    })
  }

  end(): void {
    this.#isOver = true
  }
}
