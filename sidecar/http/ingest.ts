/**
 * One request: body → records → destination → safe, then the answer.
 *
 * A 2xx says that every record is as safe as the guarantee promises, or kept as a dead letter. Shippers drop what they sent on a 4xx,
 * so a body that cannot be read is kept before it is refused; if even that is impossible the answer is 503 and the shipper
 * keeps it. Not kept are bodies over the limit, empty ones, and those without a route when `unrouted` is `reject`.
 */
import type { IncomingMessage } from 'node:http'
import type {
  Clock,
  DeadLetter,
  DeadLetterSink,
  Decode,
  Decoded,
  Decompress,
  Intake,
  Router,
} from '../core/ports.ts'
import { destinationLabel, type Target } from '../core/destination.ts'
import { SidecarError, type ErrorCode } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { recordCount, type RecordBlock } from '../core/record-block.ts'
import { Semaphore } from '../core/semaphore.ts'
import type { Metrics } from '../observability/metrics.ts'
import { readBody } from './body.ts'
import { ByteBudget, type ByteLease } from './byte-budget.ts'

export type IngestOptions = {
  readonly decode: Decode
  readonly decompress: Decompress
  readonly router: Router
  readonly intake: Intake
  readonly deadLetters: DeadLetterSink
  readonly unrouted: 'dead_letter' | 'reject'
  readonly maxBodyBytes: number
  readonly maxInFlightBytes: number
  readonly clock: Clock
  readonly metrics: Metrics
}

/** What became of the records of a request. */
export type IngestResult = { readonly records: number; readonly deadLetters: number }

/** Bodies that are refused for what they are, and kept. */
const keptWhenRefused: ReadonlySet<ErrorCode> = new Set([
  'HTTP_ENCODING_UNSUPPORTED',
  'HTTP_ENCODING_BROKEN',
  'DECODE_UNREADABLE',
])

export class Ingest {
  readonly #options: IngestOptions
  readonly #budget: ByteBudget
  /** Decompressed sizes are known only afterwards, so few bodies are decompressed at once. */
  readonly #decompressions = new Semaphore(limits.compressionsInFlight)

  constructor(options: IngestOptions) {
    this.#options = options
    const { metrics } = options
    this.#budget = new ByteBudget(options.maxInFlightBytes, options.clock, (bytes) =>
      metrics.httpInFlightBytes.set(bytes),
    )
  }

  /** Rejects with the SidecarError that the client is to be told. */
  async take(request: IncomingMessage, path: string): Promise<IngestResult> {
    const lease = this.#budget.lease()
    try {
      const body = await readBody(request, this.#options.maxBodyBytes, lease, this.#options.clock)
      this.#options.metrics.httpBodyBytes.inc(body.length)
      return await this.#takeBody(request, path, body, lease)
    } finally {
      lease.release()
    }
  }

  async #takeBody(
    request: IncomingMessage,
    path: string,
    body: Buffer,
    lease: ByteLease,
  ): Promise<IngestResult> {
    const decoded = await this.#decode(request, path, body, lease)
    const { metrics } = this.#options
    metrics.decodeRecords.inc(recordCount(decoded.block))
    metrics.decodeRecordBytes.inc(decoded.block.bytes.length)
    const routed = this.#route(path)
    if (routed instanceof SidecarError) return this.#keepUnrouted(decoded, path, routed)
    const destination = destinationLabel(routed.destination)
    // First what is bad: should the good records then fail, they come again, and a second copy of a dead letter does no harm.
    await this.#keep(decoded.rejected.map((record) => ({ ...record, destination })))
    await this.#inTime(this.#options.intake.append(routed, decoded.block))
    return { records: recordCount(decoded.block), deadLetters: decoded.rejected.length }
  }

  async #decode(request: IncomingMessage, path: string, body: Buffer, lease: ByteLease): Promise<Decoded> {
    const { decode, decompress, maxBodyBytes } = this.#options
    const encoding = request.headers['content-encoding']
    try {
      const raw = await this.#decompressions.run(() => decompress(body, encoding, maxBodyBytes))
      if (raw !== body) await lease.take(raw.length)
      return decode(raw)
    } catch (error) {
      if (error instanceof SidecarError && keptWhenRefused.has(error.code)) {
        await this.#keep([{ code: error.code, reason: error.message, destination: path, bytes: body }])
      }
      throw error
    }
  }

  #route(path: string): Target | SidecarError {
    try {
      return this.#options.router.route(path)
    } catch (error) {
      if (error instanceof SidecarError && error.disposition === 'reject') return error
      throw error
    }
  }

  async #keepUnrouted({ block, rejected }: Decoded, path: string, why: SidecarError): Promise<IngestResult> {
    if (this.#options.unrouted === 'reject') throw why
    const unrouted = [...records(block)].map((bytes) => ({
      code: why.code,
      reason: why.message,
      destination: path,
      bytes,
    }))
    await this.#keep([...rejected.map((record) => ({ ...record, destination: path })), ...unrouted])
    return { records: 0, deadLetters: rejected.length + unrouted.length }
  }

  async #keep(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    await this.#options.deadLetters.keep(letters)
  }

  /** Shippers stop waiting after 60 s and send again; an honest 503 before that is better than silence. */
  async #inTime(stored: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = this.#options.clock.after(limits.replyTimeoutMs, () => {
      const message = `The records were not safe after ${limits.replyTimeoutMs / 1000} s. Send them again; some may then be stored twice.`
      late.reject(new SidecarError('HTTP_REPLY_TIMEOUT', message))
    })
    stored.catch(() => undefined)
    try {
      await Promise.race([stored, late.promise])
    } finally {
      timer.cancel()
    }
  }
}

function* records(block: RecordBlock): Generator<Buffer> {
  let start = 0
  for (const end of block.ends) {
    yield block.bytes.subarray(start, end - 1)
    start = end
  }
}
