import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import type {
  CommitOutcome,
  IngestionOutcome,
  KustoGateway,
  SealedBatch,
  Sending,
  UploadedBlob,
} from '../../../sidecar/core/ports.ts'
import type { ManualClock } from '../../fakes/manual-clock.ts'

export type Call = 'upload' | 'enqueue' | 'statusOf' | 'isIngested' | 'commit' | 'withdraw'

/** How a message fares: how long it waits, how long its ingestion takes, how that ends; `lost` is never heard of again. */
export type Fate = {
  readonly queueMs: number
  readonly ingestMs: number
  readonly ends:
    | 'ingested'
    | 'lost'
    | Extract<
        ErrorCode,
        'KUSTO_INGESTION_TRANSIENT' | 'KUSTO_INGESTION_FAILED' | 'KUSTO_INGESTION_PARTIAL' | 'KUSTO_BLOB_LOST'
      >
  /** What the row of the status table says in the end; `kept` for pending, whatever happened. */
  readonly status: 'truth' | 'pending' | 'KUSTO_INGESTION_FAILED'
}

/** Before a call has its effect, after it, or, for a message, no answer with and without effect. */
export type Fault =
  | { readonly before: ErrorCode }
  | { readonly after: ErrorCode }
  | { readonly reply: 'unknown'; readonly isPosted: boolean }

export type Message = {
  readonly batchId: string
  readonly number: number
  readonly url: string
  readonly isStaged: boolean
  state: 'queued' | 'ingesting' | 'over'
}

/** How many records a batch has that goes through a staging table, so that there can be a part of it. */
export const stagedRecords = 2

const usual: Fate = { queueMs: 3_000, ingestMs: 1_000, ends: 'ingested', status: 'truth' }

/**
 * A small model of Kusto: blobs, a queue of messages, ingestion that takes its time, a status for each message, and a table that counts how
 * often each batch came. A tag is looked for when an ingestion begins and not when it ends, so that two at once both succeed. It
 * complains about what must never happen.
 */
export class FakeKusto implements KustoGateway {
  readonly calls: string[] = []
  readonly complaints: string[] = []
  readonly messages: Message[] = []
  readonly blobs = new Set<string>()
  /** How often the rows of a batch are in its table. */
  readonly rows = new Map<string, number>()
  /** Batches of which a part is in the table. */
  readonly parts = new Set<string>()
  /** How many rows of a batch are in the staging table. */
  readonly staged = new Map<string, number>()
  fate: (message: Message) => Partial<Fate> = () => ({})
  fault: (call: Call, batchId: string) => Fault | undefined = () => undefined
  mayWithdraw = true
  mayAskTheTable = true
  readonly #statuses = new Map<string, IngestionOutcome>()
  readonly #clock: ManualClock

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  async upload(batch: SealedBatch, number: number, earlier?: UploadedBlob): Promise<UploadedBlob> {
    return this.#call('upload', batch.id, number, () => {
      const url = earlier?.url ?? `${batch.id}/${number}`
      this.blobs.add(url)
      return { url }
    })
  }

  async enqueue(batch: SealedBatch, sending: Sending): Promise<'sent' | 'unknown'> {
    return this.#call('enqueue', batch.id, sending.number, (fault) => {
      const isPosted = fault === undefined || !('reply' in fault) || fault.isPosted
      if (isPosted) this.#post(batch, sending)
      return fault === undefined ? 'sent' : 'unknown'
    })
  }

  async statusOf(batch: SealedBatch, { number }: Sending): Promise<IngestionOutcome> {
    return this.#call(
      'statusOf',
      batch.id,
      number,
      () => this.#statuses.get(`${batch.id}/${number}`) ?? { kind: 'pending' },
    )
  }

  async isIngested(batch: SealedBatch): Promise<boolean | undefined> {
    return this.#call('isIngested', batch.id, undefined, () =>
      this.mayAskTheTable ? [this.rows, this.parts, this.staged].some((one) => one.has(batch.id)) : undefined,
    )
  }

  async commit(batch: SealedBatch): Promise<CommitOutcome> {
    return this.#call('commit', batch.id, undefined, () => {
      const rowCount = this.staged.get(batch.id)
      this.staged.delete(batch.id)
      if (this.rows.has(batch.id)) return { kind: 'committed' }
      if (rowCount === undefined) return { kind: 'absent' }
      if (rowCount !== batch.recordCount) return { kind: 'discarded', rowCount }
      this.rows.set(batch.id, 1)
      return { kind: 'committed' }
    })
  }

  async withdraw({ blob, number }: Sending): Promise<boolean> {
    const batchId = blob.url.slice(0, blob.url.lastIndexOf('/'))
    return this.#call('withdraw', batchId, number, () => {
      if (this.mayWithdraw) this.blobs.delete(blob.url)
      return this.mayWithdraw
    })
  }

  async probe(): Promise<void> {}
  trouble() {
    return {}
  }
  async close(): Promise<void> {}

  /** Messages that can still bring rows. */
  underWay(batchId: string): Message[] {
    return this.messages.filter(
      (message) =>
        message.batchId === batchId &&
        (message.state === 'ingesting' || (message.state === 'queued' && this.blobs.has(message.url))),
    )
  }

  /** `calls` without their numbers, for one kind. */
  count(call: Call): number {
    return this.calls.filter((one) => one.startsWith(`${call} `)).length
  }

  async #call<Result>(
    call: Call,
    batchId: string,
    number: number | undefined,
    effect: (fault?: Fault) => Result,
  ): Promise<Result> {
    this.calls.push(number === undefined ? `${call} ${batchId}` : `${call} ${batchId}/${number}`)
    const fault = this.fault(call, batchId)
    if (fault === undefined) return effect()
    if ('before' in fault) throw new SidecarError(fault.before, 'planned')
    const result = effect(fault)
    if ('after' in fault) throw new SidecarError(fault.after, 'planned')
    return result
  }

  #post(batch: SealedBatch, { number, blob }: Sending): void {
    const batchId = batch.id
    if (batch.settlement.isExactlyOnce) {
      if (batch.sending?.number !== number || batch.sending.blob.url !== blob.url)
        this.complaints.push(`message ${number} of ${batchId} is not on record`)
      if (this.mayWithdraw && this.underWay(batchId).length > 0)
        this.complaints.push(`message ${number} of ${batchId} is sent while an earlier one is under way`)
      if (this.messages.some((one) => one.batchId === batchId && one.number >= number))
        this.complaints.push(`message ${number} of ${batchId} is sent again`)
    }
    const isStaged = batch.settlement.stagingTableSuffix !== undefined
    const message: Message = { batchId, number, url: blob.url, isStaged, state: 'queued' }
    this.messages.push(message)
    const fate = { ...usual, ...this.fate(message) }
    this.#clock.after(fate.queueMs, () => this.begin(message, fate))
  }

  /** Kusto comes to the message: now, whatever its fate said. */
  begin(message: Message, changed: Partial<Fate>): void {
    if (message.state !== 'queued') return
    const fate = { ...usual, ...changed }
    const isFound = this.blobs.has(message.url)
    if (fate.ends === 'lost') message.state = 'over'
    else if (!isFound || fate.ends === 'KUSTO_BLOB_LOST') this.#end(message, fate, failed('KUSTO_BLOB_LOST'))
    else if ((message.isStaged ? this.staged : this.rows).has(message.batchId))
      this.#end(message, fate, { kind: 'ingested', isRepeat: true })
    else {
      message.state = 'ingesting'
      this.#clock.after(fate.ingestMs, () => this.#commit(message, fate))
    }
  }

  #commit(message: Message, fate: Fate): void {
    const { ends } = fate
    if (message.isStaged) return this.#stage(message, fate)
    if (ends === 'lost' || ends === 'ingested') {
      const times = (this.rows.get(message.batchId) ?? 0) + 1
      this.rows.set(message.batchId, times)
      if (times > 1) this.complaints.push(`${message.batchId} is in the table ${times} times`)
      this.#end(message, fate, { kind: 'ingested', isRepeat: false })
      return
    }
    if (ends === 'KUSTO_INGESTION_PARTIAL') this.parts.add(message.batchId)
    this.#end(message, fate, failed(ends))
  }

  #stage(message: Message, fate: Fate): void {
    const { ends } = fate
    const isPart = ends === 'KUSTO_INGESTION_PARTIAL'
    if (isPart || ends === 'ingested' || ends === 'lost') {
      const before = this.staged.get(message.batchId) ?? 0
      this.staged.set(message.batchId, before + (isPart ? stagedRecords / 2 : stagedRecords))
    }
    this.#end(
      message,
      fate,
      ends === 'ingested' || ends === 'lost' ? { kind: 'ingested', isRepeat: false } : failed(ends),
    )
  }

  #end(message: Message, fate: Fate, outcome: IngestionOutcome): void {
    message.state = 'over'
    if (fate.status === 'pending') return
    const said = fate.status === 'truth' ? outcome : failed(fate.status)
    this.#statuses.set(`${message.batchId}/${message.number}`, said)
  }
}

function failed(code: ErrorCode): IngestionOutcome {
  return { kind: 'failed', error: new SidecarError(code, 'Kusto said so.') }
}
