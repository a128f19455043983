/** Batches in memory, for `journal.enabled: false`: nothing survives the process, so nothing is acknowledged by it alone. */
import type {
  BatchStore,
  Checkpoints,
  Clock,
  Frame,
  OpenBatch,
  Random,
  SealedBatch,
  Sending,
} from '../core/ports.ts'
import { batchIdOf } from '../core/batch-id.ts'
import type { Destination, TargetPurpose } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import { gzipHeader, gzipOverheadBytes, gzipTrailer } from '../core/gzip-member.ts'
import { settledWhenQueued, type Settlement } from '../core/settlement.ts'
import { Sequences } from './sequences.ts'
import { addFrame, emptySummary } from './summary.ts'

export class MemoryStore implements BatchStore {
  readonly isDurable = false
  readonly #writer: string
  readonly #maxBytes: number
  readonly #sequences = new Sequences()
  readonly checkpoints: Pick<Checkpoints, 'voided'> | undefined
  readonly clock: Clock
  #bytes = 0

  constructor(options: {
    readonly maxBytes: number
    readonly clock: Clock
    readonly random: Random
    readonly checkpoints?: Pick<Checkpoints, 'voided'> | undefined
  }) {
    this.clock = options.clock
    this.checkpoints = options.checkpoints
    this.#writer = options.random.hex(8)
    this.#maxBytes = options.maxBytes
  }

  async open(
    destination: Destination,
    settlement: Settlement = settledWhenQueued,
    purpose: TargetPurpose = 'records',
  ): Promise<OpenBatch> {
    const sequence = this.#sequences.take(purpose)
    const id = batchIdOf({ writer: this.#writer, epoch: 1, nonce: undefined, sequence })
    return new MemoryBatch(this, { id, destination, settlement, receivedAtMs: this.clock.now() })
  }

  /** When nothing is held anything is taken, or what is larger than the limit could never even be tried. */
  ensureRoom(bytesCount: number): void {
    if (this.#bytes > 0) this.#ensureBelowLimit(bytesCount)
  }

  reserve(bytesCount: number): void {
    this.#ensureBelowLimit(bytesCount)
    this.#bytes += bytesCount
  }

  #ensureBelowLimit(bytesCount: number): void {
    if (this.#bytes + bytesCount > this.#maxBytes) {
      const message = `Batches in memory hold ${this.#bytes} of ${this.#maxBytes} bytes (server.max_in_flight_mb). Senders are told to try again until Kusto takes batches.`
      throw new SidecarError('MEMORY_FULL', message)
    }
  }

  release(bytesCount: number): void {
    this.#bytes -= bytesCount
  }
}

class MemoryBatch implements OpenBatch, SealedBatch {
  readonly id: string
  readonly destination: Destination
  readonly settlement: Settlement
  readonly receivedAtMs: number
  readonly replaces = []
  lastReceivedAtMs: number | undefined
  sending: Sending | undefined
  readonly #store: MemoryStore
  #payloads: Buffer[] = []
  #summary = emptySummary

  constructor(
    store: MemoryStore,
    about: Pick<SealedBatch, 'id' | 'destination' | 'settlement' | 'receivedAtMs'>,
  ) {
    this.#store = store
    this.id = about.id
    this.destination = about.destination
    this.settlement = about.settlement
    this.receivedAtMs = about.receivedAtMs
  }

  get recordCount(): number {
    return this.#summary.recordCount
  }

  get rawBytes(): number {
    return this.#summary.rawBytes
  }

  get blobBytes(): number {
    return this.#summary.payloadBytes + gzipOverheadBytes
  }

  async append(frame: Frame): Promise<void> {
    this.#store.reserve(frame.payload.length)
    this.#payloads.push(frame.payload)
    this.lastReceivedAtMs = this.#store.clock.now()
    const sizes = { payloadBytes: frame.payload.length, requestsBytes: 0 }
    this.#summary = addFrame(this.#summary, { ...frame, ...sizes })
  }

  async sync(): Promise<void> {}

  async recordSending(sending: Sending): Promise<void> {
    this.sending = sending
  }

  async seal(): Promise<SealedBatch | undefined> {
    if (this.#summary.frameCount > 0) return this
    const { id, destination, settlement } = this
    await this.#store.checkpoints?.voided({ id, destination, settlement, wasEmpty: true })
    return undefined
  }

  async *read(): AsyncGenerator<Buffer> {
    yield gzipHeader
    yield* this.#payloads
    yield gzipTrailer(this.#summary.rawCrc32, this.#summary.rawBytes)
  }

  async remove(): Promise<void> {
    this.#store.release(this.#summary.payloadBytes)
    this.#payloads = []
  }

  async repair(): Promise<SealedBatch | undefined> {
    throw new SidecarError('JOURNAL_CORRUPT', `Batch ${this.id} is in memory and cannot be repaired.`)
  }
}
