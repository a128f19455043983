import { gunzipSync } from 'node:zlib'
import { SidecarError } from '../../sidecar/core/errors.ts'
import type {
  Clock,
  IngestionOutcome,
  KustoGateway,
  SealedBatch,
  Sending,
  UploadedBlob,
} from '../../sidecar/core/ports.ts'
import type { SeededRandom } from '../fakes/seeded-random.ts'

/** What a run lets go wrong; each a chance from 0 to 1. */
export type KustoFaults = {
  /** A call fails, half of the time after it had its effect. */
  call: number
  /** A message is taken and never looked at. */
  loseMessage: number
  /** The status of an ingestion never appears. */
  loseStatus: number
  transient: number
  permanent: number
  partial: number
}

export const noKustoFaults: KustoFaults = {
  call: 0,
  loseMessage: 0,
  loseStatus: 0,
  transient: 0,
  permanent: 0,
  partial: 0,
}

export type SimKustoOptions = {
  readonly random: SeededRandom
  /** The time of the world: Kusto goes on when a process dies. */
  readonly clock: Clock
  /** Records a batch at most. */
  readonly maxRecords: number
  /** How long a message waits in the queue at most, and how long an ingestion takes at most. */
  readonly maxQueueMs: number
  readonly maxIngestionMs: number
  /** Whether this identity may list extents, and delete blobs. */
  readonly mayAsk: boolean
  readonly mayDelete: boolean
}

type Blob = { readonly batchId: string; readonly lines: readonly string[] }

type Message = {
  readonly batchId: string
  readonly blobUrl: string
  readonly table: string
  readonly isExactlyOnce: boolean
  isOver: boolean
}

/**
 * Kusto in the simulation: containers, a queue, ingestion that takes time, statuses, and tables with tagged extents. It checks for a tag
 * when an ingestion begins, and not again when it ends, so that two messages of one batch at the same time bring its rows twice: nothing in
 * the documentation says that the service does better.
 */
export class SimKusto implements KustoGateway {
  /** How often each record is in its table. */
  readonly rows = new Map<string, number>()
  /** Records of batches that were ingested in part. */
  readonly partialRecords = new Set<string>()
  /** What no sidecar may do. */
  readonly complaints: string[] = []
  faults: KustoFaults = noKustoFaults
  readonly #options: SimKustoOptions
  readonly #blobs = new Map<string, Blob>()
  readonly #contents = new Map<string, string>()
  readonly #messages: Message[] = []
  readonly #statuses = new Map<string, IngestionOutcome>()
  readonly #tags = new Set<string>()

  constructor(options: SimKustoOptions) {
    this.#options = options
  }

  async upload(batch: SealedBatch, sendingNumber: number, earlier?: UploadedBlob): Promise<UploadedBlob> {
    this.#mayFail()
    if (earlier !== undefined) return earlier
    const pieces: Buffer[] = []
    for await (const piece of batch.read()) pieces.push(piece)
    const blob = Buffer.concat(pieces)
    const lines = gunzipSync(blob).toString('utf8').split('\n')
    this.#inspect(batch, blob, lines)
    const url = `${batch.id}#${sendingNumber}`
    this.#blobs.set(url, { batchId: batch.id, lines })
    this.#mayFail()
    return { url }
  }

  async enqueue(batch: SealedBatch, { blob }: Sending): Promise<'sent' | 'unknown'> {
    this.#mayFail()
    const isLost = this.#happens(this.faults.call / 2)
    if (isLost && this.#happens(0.5)) return 'unknown'
    this.#post(batch, blob.url)
    return isLost ? 'unknown' : 'sent'
  }

  async statusOf(batch: SealedBatch, { number }: Sending): Promise<IngestionOutcome> {
    this.#mayFail()
    return this.#statuses.get(`${batch.id}#${number}`) ?? { kind: 'pending' }
  }

  async isIngested(batch: SealedBatch): Promise<boolean | undefined> {
    this.#mayFail()
    return this.#options.mayAsk ? this.#tags.has(batch.id) : undefined
  }

  async commit(): Promise<never> {
    throw new Error('There is no staging table in the simulation.')
  }

  async withdraw({ blob }: Sending): Promise<boolean> {
    this.#mayFail()
    if (!this.#options.mayDelete) return false
    this.#blobs.delete(blob.url)
    this.#mayFail()
    return true
  }

  async probe(): Promise<void> {}

  trouble() {
    return {}
  }

  async close(): Promise<void> {}

  #post(batch: SealedBatch, blobUrl: string): void {
    const { clock, random, maxQueueMs, mayDelete } = this.#options
    const { isExactlyOnce } = batch.settlement
    const underWay = this.#messages.filter(
      (message) => message.batchId === batch.id && !message.isOver && this.#blobs.has(message.blobUrl),
    )
    if (isExactlyOnce && mayDelete && underWay.length > 0)
      this.complaints.push(`${batch.id}: a second message while one is under way`)
    const message: Message = {
      batchId: batch.id,
      blobUrl,
      table: batch.destination.table,
      isExactlyOnce,
      isOver: false,
    }
    this.#messages.push(message)
    if (this.#happens(this.faults.loseMessage)) return
    clock.after(random.integer(maxQueueMs), () => this.#begin(message))
  }

  #begin(message: Message): void {
    const { clock, random, maxIngestionMs } = this.#options
    const { isExactlyOnce, batchId, blobUrl } = message
    const blob = this.#blobs.get(blobUrl)
    if (blob === undefined) {
      this.#end(message, failed('KUSTO_BLOB_LOST'))
      return
    }
    if (isExactlyOnce && this.#tags.has(batchId)) {
      this.#end(message, { kind: 'ingested', isRepeat: true })
      return
    }
    clock.after(random.integer(maxIngestionMs), () => this.#commit(message, blob))
  }

  #commit(message: Message, { lines }: Blob): void {
    const { transient, permanent, partial } = this.faults
    const { random } = this.#options
    if (message.isExactlyOnce) {
      if (this.#happens(transient)) return this.#end(message, failed('KUSTO_INGESTION_TRANSIENT'))
      if (this.#happens(permanent)) return this.#end(message, failed('KUSTO_INGESTION_FAILED'))
      if (this.#happens(partial)) {
        for (const line of lines) this.partialRecords.add(line)
        this.#addRows(message, lines.slice(0, random.integer(lines.length + 1)))
        return this.#end(message, failed('KUSTO_INGESTION_PARTIAL'))
      }
    }
    this.#addRows(message, lines)
    return this.#end(message, { kind: 'ingested', isRepeat: false })
  }

  #addRows({ batchId }: Message, lines: readonly string[]): void {
    this.#tags.add(batchId)
    for (const line of lines) this.rows.set(line, (this.rows.get(line) ?? 0) + 1)
  }

  #end(message: Message, outcome: IngestionOutcome): void {
    message.isOver = true
    // A part of a batch whose status is lost cannot be told from the whole: a window that the README names.
    const isPartial = outcome.kind === 'failed' && outcome.error.code === 'KUSTO_INGESTION_PARTIAL'
    if (isPartial || !this.#happens(this.faults.loseStatus)) this.#statuses.set(message.blobUrl, outcome)
  }

  #inspect(batch: SealedBatch, blob: Buffer, lines: string[]): void {
    const complain = (what: string) => this.complaints.push(`${batch.id}: ${what}`)
    if (lines.pop() !== '') complain('the last record has no newline')
    if (blob.length !== batch.blobBytes) complain(`${blob.length} bytes, said ${batch.blobBytes}`)
    if (lines.length !== batch.recordCount) complain(`${lines.length} records, said ${batch.recordCount}`)
    if (lines.length > this.#options.maxRecords) complain(`${lines.length} records are over the limit`)
    const content = lines.join('\n')
    const before = this.#contents.get(batch.id)
    if (before !== undefined && before !== content) complain('the content of a sealed batch changed')
    this.#contents.set(batch.id, content)
  }

  #mayFail(): void {
    if (!this.#happens(this.faults.call / 2)) return
    throw new SidecarError(this.#happens(0.5) ? 'KUSTO_UNAVAILABLE' : 'KUSTO_THROTTLED', 'simulated')
  }

  /** Draws only when it can happen, so that a run without a fault is not another run because of it. */
  #happens(chance: number): boolean {
    return chance > 0 && this.#options.random.next() < chance
  }
}

function failed(
  code:
    'KUSTO_BLOB_LOST' | 'KUSTO_INGESTION_TRANSIENT' | 'KUSTO_INGESTION_FAILED' | 'KUSTO_INGESTION_PARTIAL',
): IngestionOutcome {
  return { kind: 'failed', error: new SidecarError(code, 'simulated') }
}
