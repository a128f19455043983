import { setImmediate as turn } from 'node:timers/promises'
import { constants, deflateRawSync, gunzipSync } from 'node:zlib'
import { Batcher } from '../../../sidecar/batch/batcher.ts'
import { CheckpointRows } from '../../../sidecar/checkpoint/checkpoint-rows.ts'
import type { ErrorCode } from '../../../sidecar/core/errors.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { limits } from '../../../sidecar/core/limits.ts'
import type { BatchStore, IngestionOutcome, KustoGateway, SealedBatch } from '../../../sidecar/core/ports.ts'
import { Semaphore } from '../../../sidecar/core/semaphore.ts'
import type { Settlement } from '../../../sidecar/core/settlement.ts'
import { DeliveryQueue } from '../../../sidecar/delivery/delivery.ts'
import { DiskStore } from '../../../sidecar/journal/disk-store.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { MemoryLedger } from '../../../sidecar/ledger/memory-ledger.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aBlock, aTarget } from '../../helpers/batches.ts'

export const settlements = {
  queued: { isExactlyOnce: false, isPolled: false, pollIntervalMs: 1_000, pollTimeoutMs: 10_000 },
  polled: { isExactlyOnce: false, isPolled: true, pollIntervalMs: 1_000, pollTimeoutMs: 10_000 },
  exactlyOnce: { isExactlyOnce: true, isPolled: true, pollIntervalMs: 1_000, pollTimeoutMs: 10_000 },
} satisfies Record<string, Settlement>

export type Row = {
  readonly batch_id: string
  readonly sequence: number
  readonly epoch: number
  readonly outcome: string
  readonly [column: string]: string | number | null
}

export const directory = '/journal'
const checkpointTable = 'Checkpoints'

/** From the batcher to Kusto, with an audit trail, as one process after another over a disk that outlives them. */
export class World {
  readonly clock = new ManualClock()
  readonly deadLetters: string[] = []
  readonly logged: { event: string; level: string; msg: string }[] = []
  disk = new MemoryFileSystem()
  metrics = createMetrics()
  isKustoAway = false
  refuses: (batch: SealedBatch) => ErrorCode | undefined = () => undefined
  status: (batch: SealedBatch) => IngestionOutcome = ({ id }) =>
    this.#tags.has(id) ? { kind: 'ingested', isRepeat: false } : { kind: 'pending' }
  hasLedger = true
  /** Of `write`. */
  settlement: Settlement = settlements.queued
  maxDiskBytes = 1e9
  maxDestinations = 10
  /** Instead of the journal. */
  isInMemory = false
  store: BatchStore | undefined
  batcher: Batcher | undefined
  delivery: DeliveryQueue | undefined
  checkpoints: CheckpointRows | undefined
  readonly #blobs = new Map<string, string[]>()
  /** What is in each table; batches of exactly-once come once, as their tags see to. */
  readonly #tables = new Map<string, string[]>()
  readonly #tags = new Set<string>()
  readonly #random: SeededRandom

  /** Another seed makes another writer. */
  constructor(seed = 1) {
    this.#random = new SeededRandom(seed)
  }

  /** A process on what is there. */
  async start(): Promise<void> {
    const { clock, disk } = this
    const metrics = (this.metrics = createMetrics())
    const log = await createLog(
      { level: 'info', format: 'json' },
      { write: (line: string) => void this.logged.push(JSON.parse(line)) },
    )
    const common = { clock, random: this.#random, log, metrics }
    const ledger = this.hasLedger
      ? new MemoryLedger({ ...common, maxKeys: 10_000, windowMs: 3_600_000 })
      : undefined
    let batcher: Batcher | undefined
    const checkpoints = new CheckpointRows({
      ...common,
      database: 'Logs',
      table: checkpointTable,
      batchIntervalMs: 1_000,
      settlement: { ...this.settlement, stagingTableSuffix: '_staging' },
      isJournalOn: !this.isInMemory,
      records: aTarget().records,
      intake: () => batcher as Batcher,
    })
    const store = this.isInMemory
      ? new MemoryStore({ ...common, maxBytes: 1e9, checkpoints })
      : await DiskStore.start({
          ...common,
          directory,
          maxDiskBytes: this.maxDiskBytes,
          syncIntervalMs: 100,
          ledger,
          dedupWindowMs: 3_600_000,
          dedupMaxKeys: 10_000,
          checkpoints,
          fileSystem: disk,
          onFatal: (error) => void this.logged.push({ event: 'fatal', level: 'fatal', msg: error.message }),
        })
    const delivery = new DeliveryQueue({
      ...common,
      gateway: this.#gateway(),
      checkpoints,
      deadLetters: {
        keep: async (letters) => void this.deadLetters.push(...letters.map(({ bytes }) => bytes.toString())),
      },
      retry: { maxAttempts: 3, baseIntervalMs: 100, maxIntervalMs: 1_000 },
      maxInFlight: 4,
      maxInFlightPerDestination: 2,
    })
    batcher = new Batcher({
      ...common,
      store,
      deliver: delivery,
      ledger,
      compressions: new Semaphore(limits.compressionsInFlight),
      compress: async (raw) => deflateRawSync(raw, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
      maxDestinations: this.maxDestinations,
      maxPendingBytes: 1e9,
    })
    Object.assign(this, { store, batcher, delivery, checkpoints })
    if (!(store instanceof DiskStore)) return
    for (const batch of await store.recover()) void delivery.deliver(batch, { keepExhausted: true })
    void store.settleVoids()
  }

  /** The process is gone, and with it what it was about to do; another one takes over. */
  async die(): Promise<void> {
    this.delivery?.stop()
    this.disk = this.disk.kill()
    await this.start()
  }

  /** One batch with these records. */
  async batch(
    records: readonly string[],
    settlement: Settlement = settlements.queued,
    table = 'App',
  ): Promise<void> {
    const guarantee = settlement.isExactlyOnce ? 'exactly_once' : 'at_least_once'
    const limitsOfBatch = { batchSize: records.length }
    const target = aTarget({ destination: { table }, limits: limitsOfBatch, guarantee, settlement })
    const appended = this.batcher?.append([{ target, block: aBlock(records) }])
    appended?.catch(() => undefined)
    await this.run(0)
    await appended
  }

  /** Lets time pass, and real work (unzipping) be done. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= 500) {
      await this.clock.advanceAndSettle(Math.min(left, 500))
      for (let n = 0; n < 20; n += 1) await turn()
    }
    await this.clock.advanceAndSettle(0)
  }

  get rows(): Row[] {
    return this.table(checkpointTable).map((line) => JSON.parse(line) as Row)
  }

  table(name: string): string[] {
    return this.#tables.get(name) ?? []
  }

  /** Batches in the journal, but for those of checkpoint rows. */
  get batchFiles(): string[] {
    return this.disk.paths().filter((path) => /\.(open|batch)$/.test(path) && !path.includes(checkpointTable))
  }

  get checkpointFiles(): string[] {
    return this.disk.paths().filter((path) => /\.(open|batch)$/.test(path) && path.includes(checkpointTable))
  }

  async rowsLost(): Promise<number> {
    return (await this.metrics.deliveryCheckpointRowsLost.get()).values[0]?.value ?? 0
  }

  #gateway(): KustoGateway {
    return {
      upload: async (batch, number) => {
        if (this.isKustoAway) throw new SidecarError('KUSTO_UNAVAILABLE', 'away')
        const refusal = this.refuses(batch)
        if (refusal !== undefined) throw new SidecarError(refusal, 'refused')
        const pieces: Buffer[] = []
        for await (const piece of batch.read()) pieces.push(piece)
        const url = `https://account/container/${batch.id}-${number}`
        this.#blobs.set(url, gunzipSync(Buffer.concat(pieces)).toString().split('\n').slice(0, -1))
        return { url }
      },
      enqueue: async (batch, { blob }) => {
        const { table } = batch.destination
        const isThere = batch.settlement.isExactlyOnce && this.#tags.has(batch.id)
        this.#tags.add(batch.id)
        if (!isThere) this.#tables.set(table, [...this.table(table), ...(this.#blobs.get(blob.url) ?? [])])
        return 'sent'
      },
      statusOf: async (batch) => this.status(batch),
      isIngested: async (batch) => this.#tags.has(batch.id),
      commit: async () => ({ kind: 'committed' }),
      withdraw: async () => true,
      probe: async () => undefined,
      trouble: () => ({}),
      close: async () => undefined,
    }
  }
}
