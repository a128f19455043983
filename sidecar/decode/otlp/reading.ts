import { limits } from '../../core/limits.ts'
import type { Decoded, RejectedRecord } from '../../core/ports.ts'
import { JsonWriter, OutputFullError, outputLimitFor } from '../json-writer.ts'
import { OtlpError } from './wire.ts'

const tooLarge = 'it is too large as JSON'

/** Resources and scopes in one body. Exporters send hundreds; millions of empty ones would take minutes and make no record. */
const containersMaxCount = 100_000

/** What stands behind the part of a body that is read, and where it begins. */
type Unread = { readonly start: number; readonly body: Buffer }

/** What the readers of one OTLP body share: the records so far and the parts that are none. */
export class OtlpReading {
  readonly body: Buffer
  readonly writer: JsonWriter
  readonly #rejected: RejectedRecord[] = []
  /** For the attributes of a resource, which are written once and copied into each of its records. */
  readonly #scratch: JsonWriter
  readonly #unread: Unread | undefined
  /** Whether there is no memory for the next record. */
  #isOutputFull = false
  #containersCount = 0
  #hasRejectedEnd = false

  /** `unread` is the body of which this one is the mended beginning. */
  constructor(body: Buffer, unread?: Unread) {
    this.body = body
    this.#unread = unread
    const limit = outputLimitFor(body.length)
    this.writer = new JsonWriter(2 * body.length, limit)
    this.#scratch = new JsonWriter(0, limit)
  }

  get rejectedCount(): number {
    return this.#rejected.length
  }

  /** To be called when the body ends before its last value does. Cut between two records, it has nothing else to show for it. */
  noteCut(start: number, end: number): void {
    if (!this.#hasRejectedEnd) this.reject(start, end, 'the body ends before it does')
  }

  /** Whether reading must end here: the memory for records, or another limit, is used up. */
  get isFull(): boolean {
    return (
      this.#isOutputFull ||
      this.#rejected.length >= limits.rejectedMaxCount ||
      this.#containersCount >= containersMaxCount
    )
  }

  /** Whether reading must end before the element of a list that begins at `start`. */
  isOverAt(start: number): boolean {
    return this.isFull || (this.#unread !== undefined && start >= this.#unread.start)
  }

  /** What is left from `start` on: up to `end`, or with what was not read in the first place, which closes its brackets itself. */
  restFrom(start: number, end: number): Buffer {
    return (this.#unread?.body ?? this.body).subarray(start, this.#unread === undefined ? end : undefined)
  }

  /** What closes brackets around a rest. */
  closing(bytes: Buffer): Buffer {
    return this.#unread === undefined ? bytes : bytes.subarray(0, 0)
  }

  /** To be called for each resource and each scope. */
  countContainer(): void {
    this.#containersCount += 1
  }

  /** What `write` writes, apart from the records. Throws OtlpError when it is too much. */
  textOf(write: (writer: JsonWriter) => void): Buffer {
    this.#scratch.truncate(0)
    try {
      write(this.#scratch)
    } catch (error) {
      throw error instanceof OutputFullError ? new OtlpError(tooLarge) : error
    }
    return this.#scratch.takeFrom(0)
  }

  /** Takes the record at these bytes, or rejects it. False when there is no memory for it: it is then left unread. */
  take(start: number, end: number, write: () => void): boolean {
    try {
      write()
      this.writer.endRecord()
    } catch (error) {
      this.writer.dropRecord()
      if (error instanceof OutputFullError && this.writer.recordsCount > 0) {
        this.#isOutputFull = true
        return false
      }
      if (!(error instanceof OtlpError) && !(error instanceof OutputFullError)) throw error
      this.reject(start, end, error instanceof OtlpError ? error.message : tooLarge)
    }
    return true
  }

  /** `problem` is the end of a sentence. */
  reject(start: number, end: number, problem: string): void {
    this.#hasRejectedEnd ||= end === this.body.length
    const reason = `The OTLP data at byte ${start} cannot be taken: ${problem}.`
    this.#rejected.push({ code: 'DECODE_NOT_OTLP', reason, bytes: this.body.subarray(start, end) })
  }

  /** Keeps what was left unread because reading had to end, as a body of its own. */
  rejectRest(bytes: Buffer): void {
    this.#hasRejectedEnd = true
    const reason = `${this.#whyFull()} The rest was not decoded, and may hold good records.`
    this.#rejected.push({ code: 'DECODE_NOT_OTLP', reason, bytes })
  }

  result(): Decoded {
    return { block: this.writer.block(), rejected: this.#rejected }
  }

  #whyFull(): string {
    if (this.#isOutputFull)
      return `The first ${this.writer.recordsCount} records of this body, each with its resource, fill the memory for one body.`
    if (this.#unread !== undefined || this.#rejected.length >= limits.rejectedMaxCount)
      return `More than ${limits.rejectedMaxCount - 1} parts of this body are bad.`
    return `The body has more than ${containersMaxCount} resources and scopes.`
  }
}
