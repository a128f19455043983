/**
 * The interfaces through which the stages meet. A stage imports this file and never another stage; `sidecar.ts` hands each
 * stage the implementations it needs. Everything that a simulation must control (time, disk, chance, Kusto) is here too.
 */
import type { Destination, Target, TargetPurpose } from './destination.ts'
import type { ErrorCode, SidecarError } from './errors.ts'
import type { RecordBlock } from './record-block.ts'
import type { RecordSettings } from './record-settings.ts'
import type { RequestHead } from './request-head.ts'
import type { RecordRange, RequestKey, RequestMark, RequestPart, RequestSlice } from './request-slice.ts'
import type { Settlement } from './settlement.ts'

export interface Clock {
  /** Milliseconds since 1970, may jump. */
  now(): number
  /** Milliseconds since some start, never goes back. */
  monotonic(): number
  /** Calls `callback` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** Unpredictable bytes as lower-case hex. */
  hex(bytesCount: number): string
}

/** One open file. Positions and lengths are bytes. */
export interface File {
  /** Writes all of the buffers at `position`, or rejects. */
  write(buffers: readonly Buffer[], position: number): Promise<void>
  /** Reads up to `buffer.length` bytes; resolves with how many, fewer only at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>
  /** Makes content and length durable (`fdatasync`). */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  /** Tells this file from a copy of it. Writes, renames and restarts leave it as it is. */
  identity(): Promise<string>
  close(): Promise<void>
}

export interface FileSystem {
  /** `create` fails when the file exists; `read` when it does not; `update` opens an existing file for both. Mode 0600. */
  open(path: string, mode: 'create' | 'read' | 'update'): Promise<File>
  /** Makes the directory and its parents (mode 0700); fine when it exists. */
  makeDirectory(path: string): Promise<void>
  list(path: string): Promise<string[]>
  rename(from: string, to: string): Promise<void>
  /** Fine when the file does not exist. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Takes the directory for this process; rejects with JOURNAL_LOCKED when another living process has it. */
  lock(directory: string): Promise<DirectoryLock>
  /** Whether a living process has the directory. */
  isLocked(directory: string): Promise<boolean>
}

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * `<writer>:<epoch>.<nonce>:<sequence>`: never used twice, since the epoch grows at every start of a writer; the random nonce tells
 * apart two starts of a copied journal.
 */
export type BatchId = string

/** One compressed group of records, ready to be written. */
export type Frame = {
  readonly recordCount: number
  readonly rawBytes: number
  /** CRC-32 of the uncompressed bytes. */
  readonly rawCrc32: number
  /** Raw deflate that ends with a flush on a byte boundary, so that payloads can be joined. */
  readonly payload: Buffer
  /** Where its records come from, for requests that are remembered; written with the frame, so that neither is there without the other. */
  readonly requests: readonly RequestSlice[]
}

/**
 * Deflates a group of records so that the result can be joined with others (see core/gzip-member.ts): raw, ending with a flush on a byte
 * boundary. The result is in memory of its own size. The bytes must stay as they are until the promise is settled.
 */
export type Compress = (rawBytes: Buffer) => Promise<Buffer>

/** Makes batches. Two implementations in `journal/`: on disk, and in memory for `journal.enabled: false`. */
export interface BatchStore {
  /** Whether a written frame survives the death of the process. */
  readonly isDurable: boolean
  /** Throws JOURNAL_FULL or MEMORY_FULL when so many bytes more might not fit. */
  ensureRoom(bytesCount: number): void
  /** Rejects with JOURNAL_WRITE_FAILED, JOURNAL_FULL or MEMORY_FULL; for checkpoint rows no limit of size counts. */
  open(destination: Destination, settlement: Settlement, purpose?: TargetPurpose): Promise<OpenBatch>
}

export interface OpenBatch {
  readonly id: BatchId
  /**
   * Resolves when the frame is written. Calls must not overlap. A rejection with JOURNAL_FULL, MEMORY_FULL or
   * JOURNAL_WRITE_FAILED leaves the batch as it was before.
   */
  append(frame: Frame): Promise<void>
  /** Resolves when every frame appended so far survives a loss of power. Calls that overlap share one sync. Rejects only with a fatal error. */
  sync(): Promise<void>
  /** Ends the batch; nothing may be appended after. Undefined when it held no frame and was removed. */
  seal(): Promise<SealedBatch | undefined>
}

/** A batch whose content never changes again, and which can be read as one gzip member as often as needed. */
export interface SealedBatch {
  readonly id: BatchId
  readonly destination: Destination
  readonly settlement: Settlement
  /** The last message that was, or may have been, sent for this batch, also by an earlier process. */
  readonly sending: Sending | undefined
  readonly recordCount: number
  readonly rawBytes: number
  readonly blobBytes: number
  /** When its first record was received, milliseconds since 1970. */
  readonly receivedAtMs: number
  /** When its last record was received; undefined when nobody knows. */
  readonly lastReceivedAtMs: number | undefined
  /** Damaged batches of which this one has what was whole. */
  readonly replaces: readonly BatchId[]
  /** The blob, in pieces of bounded size; ends with an error if the stored bytes are damaged. */
  read(): AsyncIterable<Buffer>
  /** Resolves when `sending` is durable, which it has to be before its message is sent. Rejects with JOURNAL_WRITE_FAILED or JOURNAL_FULL. */
  recordSending(sending: Sending): Promise<void>
  /** Forgets the batch: it is settled. The keys of its requests stay remembered. */
  remove(): Promise<void>
  /**
   * After `read` found damage: copies what is whole into a new batch and sets the damaged bytes aside for a person. This
   * batch is then gone. Undefined when nothing was whole.
   */
  repair(): Promise<SealedBatch | undefined>
}

/** Where an uploaded blob is. `url` has no SAS. */
export type UploadedBlob = { readonly url: string }

/**
 * One message for a batch. Each further one has a higher number, and with it another blob name and another source id, so that the
 * blob of an earlier one can be taken away from under it: a message without its blob brings nothing.
 */
export type Sending = {
  /** From 0. */
  readonly number: number
  readonly blob: UploadedBlob
  /** When it was about to be sent, milliseconds since 1970. */
  readonly startedAtMs: number
}

/** How an ingestion ended, as far as Kusto says. */
export type IngestionOutcome =
  /** The rows are in the table. `isRepeat`: an earlier message of the batch had brought them. */
  | { readonly kind: 'ingested'; readonly isRepeat: boolean }
  /** Not decided, or nobody knows anything. */
  | { readonly kind: 'pending' }
  /**
   * It is over and failed: KUSTO_INGESTION_TRANSIENT or KUSTO_BLOB_LOST (again, by a new message), KUSTO_INGESTION_FAILED or
   * KUSTO_INGESTION_PARTIAL (never again).
   */
  | { readonly kind: 'failed'; readonly error: SidecarError }

/** What became of the rows of a batch that go through a staging table. */
export type CommitOutcome =
  /** They are in the table of the batch, all of them, once. */
  | { readonly kind: 'committed' }
  /** Neither table has any. */
  | { readonly kind: 'absent' }
  /** The staging table had another number of rows than the batch has records. They were dropped; the table has none. */
  | { readonly kind: 'discarded'; readonly rowCount: number }

/** How a batch was settled; `void` when its id stands for no records, or its senders were told to send them again. */
export type SettledAs = 'ingested' | 'queued' | 'unconfirmed' | 'dead_letter' | 'void'

export type SettledBatch = {
  readonly batch: SealedBatch
  readonly outcome: SettledAs
  /** Of the last message; undefined when none was sent. */
  readonly blob: UploadedBlob | undefined
}

/** A batch id that was given away, and under which no record is delivered. */
export type VoidBatch = {
  /** Without nonce when only the name of its file could be read. */
  readonly id: BatchId
  readonly destination?: Destination | undefined
  readonly settlement?: Settlement | undefined
  /** It never held a record. Otherwise it was damaged: what was whole is in another batch. */
  readonly wasEmpty: boolean
}

/** The audit trail: told of each batch before it is forgotten, so that no id is missing there without a reason. */
export interface Checkpoints {
  /** Resolves when the row of the batch is as safe as the batch, or given up loudly. Rejects when the batch has to stay. */
  settled(settled: SettledBatch): Promise<void>
  /** As `settled`. */
  voided(batch: VoidBatch): Promise<void>
}

/** `refusal` says why Kusto does not let us; then a person has to run `command`. */
export type TableCreation = { readonly command: string; readonly refusal: SidecarError | undefined }

export interface TableMaker {
  /** Makes the table, or adds the columns that it lacks. Rejects when Kusto does not answer for now. */
  createTable(
    database: string,
    table: string,
    columns: readonly (readonly [name: string, type: string])[],
  ): Promise<TableCreation>
}

export type KustoTrouble = {
  /** Ingestion resources cannot be fetched. */
  readonly service?: string
  /** The last upload, or the last message, failed; of interest as long as a batch waits. */
  readonly delivery?: string
}

/** Kusto's side. Every rejection is a SidecarError whose code starts with `KUSTO_`, or the error of `batch.read()`. */
export interface KustoGateway {
  /**
   * Puts the batch into a container under a name made from its id and the number of the sending. Doing it twice leaves one blob. `earlier` is
   * given back when Kusto can still read it where it is.
   */
  upload(batch: SealedBatch, sendingNumber: number, earlier?: UploadedBlob): Promise<UploadedBlob>
  /**
   * Posts the ingestion message. Resolves with `unknown` when it may have been posted all the same (no answer, an error of the server);
   * after a rejection it was certainly not.
   */
  enqueue(batch: SealedBatch, sending: Sending): Promise<'sent' | 'unknown'>
  /** What became of this message, by the row of the status table. Pending, too, when there is no such row or table. */
  statusOf(batch: SealedBatch, sending: Sending): Promise<IngestionOutcome>
  /**
   * Whether the table has an extent with the tag of this batch; undefined when we are not allowed to ask. Of a batch with a staging table:
   * whether either table has; rejects when we are not allowed to ask.
   */
  isIngested(batch: SealedBatch): Promise<boolean | undefined>
  /**
   * Moves the rows of a batch from its staging table into its table, if they are exactly as many as it has records. Doing it twice moves
   * them once. A rejection says nothing about whether they were moved.
   */
  commit(batch: SealedBatch): Promise<CommitOutcome>
  /**
   * Deletes the blob of a message that may still be under way, so that it can bring nothing any more. True when the blob is certainly
   * gone; false when Kusto does not let us.
   */
  withdraw(sending: Sending): Promise<boolean>
  /** Fetches ingestion resources and identity token if they are stale; rejects when Kusto cannot be used. */
  probe(): Promise<void>
  /** What is wrong as far as the last calls showed, for a person; empty when nothing is. */
  trouble(): KustoTrouble
  close(): Promise<void>
}

/** Where a dead letter comes from, and so how it can be taken in again. */
export type LetterOrigin =
  /** A body as it came, or one record of it; `head` describes these bytes. */
  | { readonly kind: 'request'; readonly head: RequestHead }
  /** A record of a batch, in the shape that Kusto was to get. */
  | { readonly kind: 'batch'; readonly destination: Destination }

/** A record or body that is kept aside, with why. */
export type DeadLetter = {
  readonly code: ErrorCode
  readonly reason: string
  /** Where it was to go, as far as known: `database.table` or the path of the request. */
  readonly destination: string
  readonly origin: LetterOrigin
  /** The original bytes. */
  readonly bytes: Buffer
}

export interface DeadLetterSink {
  /** Resolves when all are written; rejects with DEAD_LETTER_FULL or DEAD_LETTER_WRITE_FAILED, and then keeps none for sure. */
  keep(letters: readonly DeadLetter[]): Promise<void>
}

/** A record that could not be taken, while its neighbours could. */
export type RejectedRecord = {
  readonly code: ErrorCode
  readonly reason: string
  /** The bytes of this record alone, in the format of the body. */
  readonly bytes: Buffer
}

export type Decoded = { readonly block: RecordBlock; readonly rejected: readonly RejectedRecord[] }

export type DecodeOptions = {
  /** The Content-Type header as it came. A hint only: content decides wherever it can. */
  readonly contentType: string | undefined
  /** The path is one of OTLP over HTTP (`.../v1/logs`). */
  readonly isOtlp: boolean
  /** How text, dates and the like are to be read. */
  readonly records: RecordSettings
}

/** Turns an uncompressed body into records, and may write over it. Throws SidecarError DECODE_EMPTY or DECODE_UNREADABLE. */
export type Decode = (body: Buffer, options: DecodeOptions) => Decoded

/** Undoes a Content-Encoding, never producing more than `maxBytes`. */
export type Decompress = (body: Buffer, encoding: string | undefined, maxBytes: number) => Promise<Buffer>

/** The records of a block by where they go. Every record of the block is in exactly one part, in its order. */
export type Division = {
  readonly routed: readonly RoutedBlock[]
  /** Records without a destination, with a SidecarError that says why. */
  readonly unrouted: readonly { readonly block: RecordBlock; readonly why: SidecarError }[]
}

/** What path and tag of a request decide. */
export interface RoutePlan {
  /** The settings for reading a body, before it has records: those of the route that takes records without fields. */
  readonly records: RecordSettings
  /** Chooses for each record. Never throws. When no field has a say, this is one step for the whole block. */
  divide(block: RecordBlock): Division
}

export interface Router {
  /** Never throws: a request without a destination has a plan that leaves all records unrouted. */
  plan(head: RequestHead): RoutePlan
  /** How records that are already shaped for this destination are written: by the limits of its route. */
  targetFor(destination: Destination): Target
}

/** Brings records into the shape that their target wants. */
export type Shape = (block: RecordBlock, settings: RecordSettings, head: RequestHead) => Decoded

/** Brings a sealed batch to its end. */
export interface Deliver {
  /**
   * Resolves when the batch is settled. With `keepExhausted` a batch that used up its attempts is tried again until it is
   * settled, because nobody else has its records; otherwise it is removed and the promise rejects with
   * DELIVERY_ATTEMPTS_EXHAUSTED, so that its senders, who still have them, send them again.
   */
  deliver(batch: SealedBatch, options: { readonly keepExhausted: boolean }): Promise<void>
}

/** Records of one request and where they go. */
export type RoutedBlock = { readonly target: Target; readonly block: RecordBlock }

/** Takes the records of a request on their way to batches. */
export interface Intake {
  /** Throws what `append` would refuse these parts with for want of room, if it were called now. */
  ensureRoom(parts: readonly RoutedBlock[]): void
  /**
   * Resolves when all parts are as safe as their targets' guarantees promise. What lacks room is refused as a whole before any of it is
   * stored, since the sender comes again with all of it. With `mark`, records that an earlier request with the same key stored
   * are not stored again. `onThrough` is called once, when the bytes of the blocks are not needed any more: also after a rejection, and never
   * before all of it is done, as when the promise resolves early for guarantee `none`.
   */
  append(parts: readonly RoutedBlock[], mark?: RequestMark, onThrough?: () => void): Promise<void>
}

/** Remembers which requests are stored, within limits of count and age, so that what a shipper sends twice is stored once. */
export interface RequestLedger {
  /** All records of the request are as safe as promised. */
  isStored(key: RequestKey): boolean
  /** The sender has seen the answer, so an equal request is a new one from now on. Does nothing to a request that is not stored as a whole. */
  forget(key: RequestKey): void
  /** The records of this part that are not stored, in order. */
  missing(mark: RequestMark, part: RequestPart): readonly RecordRange[]
  /** Told once the slices are as safe as promised. */
  store(slices: readonly RequestSlice[]): void
  /** Told once at start what the journal holds, in any order. */
  restore(slices: readonly RequestSlice[]): void
  /** Whether a later process has to know of the slice. */
  isLive(slice: RequestSlice): boolean
}
