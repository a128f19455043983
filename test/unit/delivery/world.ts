import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import pino from 'pino'
import type {
  BatchId,
  DeadLetter,
  DeadLetterSink,
  KustoGateway,
  SealedBatch,
  Sending,
} from '../../../sidecar/core/ports.ts'
import type { Settlement } from '../../../sidecar/core/settlement.ts'
import { DeliveryQueue } from '../../../sidecar/delivery/delivery.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination } from '../../helpers/batches.ts'
import { FakeKusto, stagedRecords, type Call } from './fake-kusto.ts'

/** What the journal has of a batch: this is what survives a death. */
type Stored = { readonly id: BatchId; sending?: Sending; isRemoved: boolean }

/** A moment of a process in which it may die. */
export type Point = `${'before' | 'after'} ${Call | 'recordSending' | 'keep' | 'remove'}`

export const exactlyOnce: Settlement = {
  isExactlyOnce: true,
  isPolled: true,
  pollIntervalMs: 5_000,
  pollTimeoutMs: 60_000,
}

export const staging: Settlement = { ...exactlyOnce, stagingTableSuffix: '_staging' }

const never = new Promise<never>(() => undefined)

/** Delivery as one process after another, with Kusto and the journal that outlive them. */
export class World {
  readonly clock = new ManualClock()
  readonly kusto = new FakeKusto(this.clock)
  readonly letters: DeadLetter[] = []
  readonly logged: { event: string; level: string }[] = []
  /** What happened to the journal and to messages, in order. */
  readonly journal: string[] = []
  metrics = createMetrics()
  /** Asked at each point of the life of a process. */
  diesAt: (point: Point, id: BatchId) => boolean = () => false
  /** Throws what the disk answers. */
  onRecord: (id: BatchId) => void | Promise<void> = () => undefined
  onRead: (id: BatchId) => void = () => undefined
  onRepair: (id: BatchId) => BatchId | undefined = () => undefined
  readonly #stored = new Map<BatchId, Stored>()
  readonly #settlement: Settlement
  readonly #seed: number
  #process: { readonly delivery: DeliveryQueue; isDead: boolean } | undefined
  #keeping = 0
  #reads: (() => void)[] = []

  constructor(settlement: Settlement = exactlyOnce, seed = 1) {
    this.#settlement = settlement
    this.#seed = seed
    this.start()
  }

  get delivery(): DeliveryQueue {
    assert(this.#process !== undefined)
    return this.#process.delivery
  }

  get isDead(): boolean {
    return this.#process?.isDead !== false
  }

  get isSettled(): boolean {
    return [...this.#stored.values()].every(({ isRemoved }) => isRemoved)
  }

  /** The sending that the journal has for a batch. */
  sending(id: BatchId): Sending | undefined {
    return this.#stored.get(id)?.sending
  }

  add(id: BatchId, options: { sending?: Sending; keepExhausted?: boolean } = {}): Promise<void> {
    const stored: Stored = { id, isRemoved: false }
    if (options.sending !== undefined) stored.sending = options.sending
    this.#stored.set(id, stored)
    return this.delivery.deliver(this.#handle(stored, this.#process), {
      keepExhausted: options.keepExhausted ?? true,
    })
  }

  /** The process is gone from now on: what it had begun may have had its effect, and nothing follows from it. */
  kill(): void {
    if (this.#process === undefined) return
    this.#process.isDead = true
    this.#process.delivery.stop()
    this.#keeping = 0
    this.#reads = []
  }

  /** A new process, which finds in the journal what the last one left. */
  start(): void {
    this.kill()
    this.metrics = createMetrics()
    const process = { delivery: undefined as unknown as DeliveryQueue, isDead: false }
    process.delivery = new DeliveryQueue({
      gateway: this.#gatewayOf(process),
      deadLetters: this.#deadLettersOf(process),
      retry: { maxAttempts: 3, baseIntervalMs: 1_000, maxIntervalMs: 60_000 },
      maxInFlight: 2,
      maxInFlightPerDestination: 2,
      clock: this.clock,
      random: new SeededRandom(this.#seed),
      log: pino(
        { base: null, formatters: { level: (level) => ({ level }) } },
        { write: (line) => void this.logged.push(JSON.parse(line)) },
      ),
      metrics: this.metrics,
    })
    this.#process = process
    for (const stored of this.#stored.values())
      if (!stored.isRemoved)
        void process.delivery.deliver(this.#handle(stored, process), { keepExhausted: true })
  }

  /** Lets time pass; what Kusto complains about fails the test at once. */
  async run(ms: number, stepMs = 500): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.clock.advanceAndSettle(Math.min(stepMs, left))
      await this.#unzip()
      assert.deepEqual(this.kusto.complaints, [])
    }
    await this.clock.advanceAndSettle(0)
  }

  /** Unzipping takes real time. So that a run is the same each time, it is done between steps of the clock, one batch after another. */
  async #unzip(): Promise<void> {
    for (let release = this.#reads.shift(); release !== undefined; release = this.#reads.shift()) {
      this.#keeping = 1
      release()
      while (this.#keeping > 0) await pause(1)
      await this.clock.advanceAndSettle(0)
    }
  }

  events(event: string): number {
    return this.logged.filter((line) => line.event === event).length
  }

  #guard(process: { isDead: boolean } | undefined, id: BatchId) {
    const dies = (point: Point) => {
      if (process?.isDead !== false) return true
      if (!this.diesAt(point, id)) return false
      this.kill()
      return true
    }
    return async <Result>(name: Call | 'recordSending' | 'keep' | 'remove', call: () => Promise<Result>) => {
      if (dies(`before ${name}`)) return never
      try {
        return await call()
      } finally {
        if (dies(`after ${name}`)) await never
      }
    }
  }

  #gatewayOf(process: { isDead: boolean }): KustoGateway {
    const { kusto } = this
    const guard = (id: BatchId) => this.#guard(process, id)
    return {
      upload: (batch, number, earlier) =>
        guard(batch.id)('upload', async () => {
          this.onRead(batch.id)
          return kusto.upload(batch, number, earlier)
        }),
      enqueue: (batch, sending) =>
        guard(batch.id)('enqueue', () => {
          this.journal.push(`enqueue ${batch.id}/${sending.number}`)
          return kusto.enqueue(batch, sending)
        }),
      statusOf: (batch, sending) => guard(batch.id)('statusOf', () => kusto.statusOf(batch, sending)),
      isIngested: (batch) => guard(batch.id)('isIngested', () => kusto.isIngested(batch)),
      commit: (batch) => guard(batch.id)('commit', () => kusto.commit(batch)),
      withdraw: (sending) => guard('')('withdraw', () => kusto.withdraw(sending)),
      probe: () => kusto.probe(),
      trouble: () => kusto.trouble(),
      close: () => kusto.close(),
    }
  }

  #deadLettersOf(process: { isDead: boolean }): DeadLetterSink {
    return {
      keep: (letters) =>
        this.#guard(process, '')('keep', async () => {
          this.#keeping = 0
          this.letters.push(...letters)
        }),
    }
  }

  #handle(stored: Stored, process: { isDead: boolean } | undefined): SealedBatch {
    const { id } = stored
    const guard = this.#guard(process, id)
    return {
      id,
      destination: aDestination(),
      settlement: this.#settlement,
      get sending() {
        return stored.sending
      },
      recordCount: this.#settlement.stagingTableSuffix === undefined ? 1 : stagedRecords,
      rawBytes: 10,
      blobBytes: 30,
      receivedAtMs: this.clock.now(),
      lastReceivedAtMs: undefined,
      replaces: [],
      read: () => this.#read(id, process),
      recordSending: (sending) =>
        guard('recordSending', async () => {
          await this.onRecord(id)
          stored.sending = sending
          this.journal.push(`record ${id}/${sending.number}`)
        }),
      remove: () =>
        guard('remove', async () => {
          stored.isRemoved = true
        }),
      repair: async () => {
        stored.isRemoved = true
        const repaired = this.onRepair(id)
        if (repaired === undefined) return undefined
        const next: Stored = { id: repaired, isRemoved: false }
        this.#stored.set(repaired, next)
        return this.#handle(next, process)
      },
    }
  }

  /** Only dead letters are made by reading; the upload of the fake Kusto needs no bytes. */
  async *#read(id: BatchId, process: { isDead: boolean } | undefined): AsyncGenerator<Buffer> {
    if (process?.isDead !== false) await never
    await new Promise<void>((resolve) => void this.#reads.push(resolve))
    try {
      this.onRead(id)
    } catch (error) {
      this.#keeping = 0
      throw error
    }
    yield gzipSync(`{"id":"${id}"}\n`)
  }
}
