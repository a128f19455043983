/**
 * One body: records → destinations → shape → safe.
 *
 * It promises: when `take` resolves, every record of the body is as safe as the guarantee of its target says, or kept as a dead
 * letter. Shippers drop what they sent on a 4xx, so a body that cannot be read is kept before it is refused; if even that is
 * impossible the error is one that makes the shipper keep it. Not kept are empty bodies, and bodies without any destination when
 * `unrouted` is `reject`.
 */
import type {
  Clock,
  DeadLetter,
  DeadLetterSink,
  Decode,
  Decoded,
  Decompress,
  Division,
  Intake,
  LetterOrigin,
  RoutedBlock,
  Router,
  Shape,
} from '../core/ports.ts'
import { destinationLabel } from '../core/destination.ts'
import { SidecarError, type ErrorCode } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { recordCount, recordsOf, type RecordBlock } from '../core/record-block.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { isOtlpPath, type RequestHead } from '../core/request-head.ts'
import type { RequestMark } from '../core/request-slice.ts'
import { Semaphore } from '../core/semaphore.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Lease } from './budget.ts'

export type BodyIntakeOptions = {
  readonly decode: Decode
  readonly decompress: Decompress
  readonly router: Router
  readonly shape: Shape
  readonly intake: Intake
  readonly deadLetters: DeadLetterSink
  readonly unrouted: 'dead_letter' | 'reject'
  readonly maxBodyBytes: number
  readonly clock: Clock
  readonly metrics: Metrics
}

/** What became of the records of a body. */
export type IntakeResult = {
  readonly records: number
  readonly deadLetters: number
  /** The request was stored before, and nothing of it again. */
  readonly repeated?: true
}

/** The share of the memory that a body holds and may grow in. */
export type Room = Omit<Lease, 'release'> & {
  /** Keeps the bytes of the body as they are until the function is called that is returned, which is to be done once. */
  hold(): () => void
}

/** Bodies that are refused for what they are, and kept. */
const keptWhenRefused: ReadonlySet<ErrorCode> = new Set([
  'HTTP_BODY_TOO_LARGE',
  'HTTP_ENCODING_UNSUPPORTED',
  'HTTP_ENCODING_BROKEN',
  'DECODE_UNREADABLE',
])

export class BodyIntake {
  readonly #options: BodyIntakeOptions
  /** Decompressed sizes are known only afterwards, so few bodies are decompressed at once. */
  readonly #decompressions = new Semaphore(limits.compressionsInFlight)

  constructor(options: BodyIntakeOptions) {
    this.#options = options
  }

  /** Rejects with the SidecarError that the sender is to be told. With `mark`, what an earlier attempt stored is not stored again. */
  async take(body: Buffer, head: RequestHead, room: Room, mark?: RequestMark): Promise<IntakeResult> {
    const { metrics, router } = this.#options
    const plan = router.plan(head)
    const startedAtMs = this.#options.clock.monotonic()
    const decoded = await this.#decode(body, head, plan.records, room, startedAtMs)
    metrics.decodeRecords.inc(recordCount(decoded.block))
    metrics.decodeRecordBytes.inc(decoded.block.bytes.length)
    const division = plan.divide(decoded.block)
    this.#refuseUnrouted(division)
    const { shaped, letters } = this.#shape(division, head)
    countGrowth(
      room,
      decoded.block.bytes,
      shaped.map(({ block }) => block),
    )
    // Before anything is kept: a sender that is sent away comes again, and with it every bad record.
    this.#options.intake.ensureRoom(shaped)
    letters.unshift(...rejectedLetters(decoded, head, labelOf(division, head)))
    // First what is bad: should the good records then fail, they come again, and a second copy of a dead letter does no harm.
    await this.#keep(letters)
    await this.#inTime(this.#options.intake.append(shaped, mark, room.hold()), mark !== undefined)
    return {
      records: shaped.reduce((sum, { block }) => sum + recordCount(block), 0),
      deadLetters: letters.length,
    }
  }

  async #decode(
    body: Buffer,
    head: RequestHead,
    records: RecordSettings,
    room: Room,
    startedAtMs: number,
  ): Promise<Decoded> {
    const { decode, decompress, maxBodyBytes } = this.#options
    const { contentType, contentEncoding } = head
    try {
      if (body.length > maxBodyBytes) throw tooLarge(body.length, maxBodyBytes)
      const raw = await this.#decompressions.run(() => {
        this.#ensureInTime(startedAtMs)
        return decompress(body, contentEncoding, maxBodyBytes)
      })
      if (raw !== body) await room.take(raw.length)
      this.#ensureInTime(startedAtMs)
      const decoded = decode(raw, { contentType, isOtlp: isOtlpPath(head.path), records })
      countGrowth(room, raw, [decoded.block])
      return decoded
    } catch (error) {
      if (error instanceof SidecarError && keptWhenRefused.has(error.code)) {
        const origin = { kind: 'request', head } as const
        await this.#keep([
          { code: error.code, reason: error.message, destination: head.path, origin, bytes: body },
        ])
      }
      throw error
    }
  }

  /** A body that waited long for its turn is sent away: its sender would give up before the answer, and send it again meanwhile. */
  #ensureInTime(startedAtMs: number): void {
    if (this.#options.clock.monotonic() - startedAtMs <= limits.turnTimeoutMs) return
    const message = `The body waited ${limits.turnTimeoutMs / 1000} s for its turn to be read. Send it again.`
    throw new SidecarError('HTTP_OVERLOADED', message)
  }

  #refuseUnrouted({ routed, unrouted }: Division): void {
    const [first] = unrouted
    // Beside records that have a destination, one that has none is kept: it must not take its neighbours along.
    if (this.#options.unrouted === 'reject' && routed.length === 0 && first !== undefined) throw first.why
  }

  #shape(
    { routed, unrouted }: Division,
    head: RequestHead,
  ): { shaped: RoutedBlock[]; letters: DeadLetter[] } {
    const origin = decodedOrigin(head)
    const letters: DeadLetter[] = []
    for (const { block, why } of unrouted)
      letters.push(
        ...unroutedLetters(block, why, head.path, origin, limits.rejectedMaxCount - letters.length),
      )
    const shaped = routed.map(({ target, block }) => {
      const result = this.#options.shape(block, target.records, head)
      const destination = destinationLabel(target.destination)
      letters.push(...result.rejected.map((record) => ({ ...record, destination, origin })))
      return { target, block: result.block }
    })
    return { shaped, letters }
  }

  async #keep(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    await this.#options.deadLetters.keep(letters)
  }

  /** Shippers stop waiting after 60 s and send again; an honest 503 before that is better than silence. */
  async #inTime(stored: Promise<unknown>, isMarked: boolean): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = this.#options.clock.after(limits.replyTimeoutMs, () => {
      const then = isMarked ? 'what is stored by then is not stored again' : 'some may then be stored twice'
      const message = `The records were not safe after ${limits.replyTimeoutMs / 1000} s. Send them again; ${then}.`
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

function tooLarge(bytesCount: number, maxBytes: number): SidecarError {
  const message = `The body of ${bytesCount} bytes is over server.max_body_mb (${maxBytes} bytes). It is kept as a dead letter.`
  return new SidecarError('HTTP_BODY_TOO_LARGE', message)
}

/**
 * Counts the blocks that were made of bytes and are no views of them. Formats may repeat much in each record; a body that grows to more
 * than twice its size is given up when there is no room, so that few small ones cannot take all memory.
 */
function countGrowth(room: Room, from: Buffer, blocks: readonly RecordBlock[]): void {
  const own = blocks.filter(({ bytes }) => bytes.buffer !== from.buffer)
  const grownBytes = own.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (grownBytes > from.length && !room.hasRoom(grownBytes)) {
    const message = `The records of this body take ${grownBytes} bytes, for which server.max_in_flight_mb has no room now. Send it again.`
    throw new SidecarError('HTTP_OVERLOADED', message)
  }
  room.count(grownBytes)
}

/** Records that were read: they are JSON now, whatever the body was. */
function decodedOrigin({ path, tag }: RequestHead): LetterOrigin {
  const head = { path, ...(tag === undefined ? {} : { tag }), contentType: 'application/x-ndjson' }
  return { kind: 'request', head }
}

/** Pieces of the body that could not be read: they are in its format, and no longer compressed. */
function rejectedLetters({ rejected }: Decoded, head: RequestHead, destination: string): DeadLetter[] {
  const { contentEncoding: _, ...plainHead } = head
  const origin = { kind: 'request', head: plainHead } as const
  return rejected.map((record) => ({ ...record, destination, origin }))
}

function unroutedLetters(
  block: RecordBlock,
  why: SidecarError,
  destination: string,
  origin: LetterOrigin,
  maxCount: number,
): DeadLetter[] {
  const { code, message: reason } = why
  const letterOf = (bytes: Buffer) => ({ code, reason, destination, origin, bytes })
  const letters = recordsOf(block).take(Math.max(0, maxCount)).map(letterOf).toArray()
  if (letters.length === recordCount(block)) return letters
  const start = letters.length === 0 ? 0 : (block.ends[letters.length - 1] as number)
  const rest = letterOf(block.bytes.subarray(start, block.bytes.length - 1))
  const restCount = recordCount(block) - letters.length
  return [
    ...letters,
    { ...rest, reason: `${reason} These are the other ${restCount} such records of the body.` },
  ]
}

/** Where a record that could not be read was to go, if that is clear. */
function labelOf({ routed }: Division, head: RequestHead): string {
  const [only] = routed
  return routed.length === 1 && only !== undefined ? destinationLabel(only.target.destination) : head.path
}
