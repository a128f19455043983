import { SidecarError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Decoded, RejectedRecord } from '../../core/ports.ts'
import { JsonWriter, OutputFullError, outputLimitFor } from '../json-writer.ts'
import { MsgpackCursor, UndelimitedError } from './cursor.ts'
import { EventFinder } from './event-finder.ts'
import { EventReader } from './event-reader.ts'
import { MisfitError } from './transcode.ts'

/**
 * Whether a body begins as Fluent Bit's msgpack does: with an array of two, or of a length in two or four bytes. No JSON text does.
 * Other text may begin with 0xdc or 0xdd, and then goes on with a byte that no array of fewer than 32,768 members has there.
 */
export function looksLikeMsgpack(body: Buffer): boolean {
  if (body[0] === 0x92) return true
  return (body[0] === 0xdc || body[0] === 0xdd) && (body[1] ?? 0x80) < 0x80
}

/**
 * Reads what the `http` output of Fluent Bit sends with `format msgpack`: events one after the other, `[[time, metadata], record]` or
 * `[time, record]`. Each becomes `{<dateKey>: time, ...record}`; see `EventReader` for metadata and groups and `Transcoder` for how
 * values are written. A record that is not a map is put under `log`. Group markers are no records.
 *
 * A value that is no event is rejected with DECODE_NOT_MSGPACK, and reading goes on after it. Where the values can no longer be told
 * apart, or a value reaches into the events after it, what stands before the next event is one rejected record; so is what is left when the JSON would get too large (`writerLimits`) or too many values
 * were rejected. Throws DECODE_EMPTY, and DECODE_UNREADABLE when there is no event at all.
 */
export function decodeMsgpack(body: Buffer, dateKey: string): Decoded {
  if (body.length === 0) throw new SidecarError('DECODE_EMPTY', 'The body is empty: it holds no record.')
  const reading = new MsgpackReading(body, dateKey)
  while (reading.readNext());
  return reading.result()
}

class MsgpackReading {
  readonly #body: Buffer
  readonly #cursor: MsgpackCursor
  readonly #writer: JsonWriter
  readonly #events: EventReader
  readonly #finder: EventFinder
  readonly #rejected: RejectedRecord[] = []
  #hasEvent = false
  /** Where values that are neither list nor map, and were rejected one after the other, end. */
  #scalarsEnd = -1

  constructor(body: Buffer, dateKey: string) {
    this.#body = body
    this.#cursor = new MsgpackCursor(body)
    this.#writer = new JsonWriter(2 * body.length, outputLimitFor(body.length))
    this.#finder = new EventFinder(body)
    this.#events = new EventReader(this.#cursor, this.#writer, dateKey)
  }

  /** Reads one event, or rejects what is there. False when nothing is left to be read. */
  readNext(): boolean {
    const start = this.#cursor.offset
    if (start === this.#body.length) return false
    if (this.#rejected.length >= limits.rejectedMaxCount) {
      const count = this.#rejected.length
      return this.#rejectRest(
        start,
        `${count} values of this body are bad; from byte ${start} on it was not decoded, and may hold good records.`,
      )
    }
    const { recordsCount } = this.#writer
    try {
      this.#events.readEvent()
      const next = this.#finder.eventWithin(start, this.#cursor.offset)
      if (next !== undefined) {
        this.#writer.keepRecords(recordsCount)
        return this.#rejectUpTo(next, start)
      }
      this.#hasEvent = true
      return true
    } catch (error) {
      this.#writer.dropRecord()
      return this.#recover(error, start)
    }
  }

  result(): Decoded {
    if (!this.#hasEvent) {
      const problem = this.#rejected[0]?.reason ?? ''
      const message = `No record can be read from the msgpack body of ${this.#body.length} bytes. ${problem}`
      throw new SidecarError('DECODE_UNREADABLE', message)
    }
    return { block: this.#writer.block(), rejected: this.#rejected }
  }

  #recover(error: unknown, start: number): boolean {
    if (error instanceof OutputFullError && this.#writer.recordsCount > 0) {
      return this.#rejectRest(
        start,
        `The records before byte ${start} fill the memory for one body; send smaller ones.`,
      )
    }
    if (error instanceof UndelimitedError) return this.#rejectUndelimited(error, start)
    this.#finder.charge(start, this.#cursor.offset)
    if (!(error instanceof OutputFullError) && !(error instanceof MisfitError)) throw error
    const problem = error instanceof MisfitError ? error.message : 'it is too large as JSON'
    this.#cursor.offset = start
    try {
      this.#cursor.skip()
    } catch (undelimited) {
      if (!(undelimited instanceof UndelimitedError)) throw undelimited
      return this.#rejectUndelimited(undelimited, start)
    }
    const next = this.#finder.eventWithin(start, this.#cursor.offset)
    if (next !== undefined) return this.#rejectUpTo(next, start)
    if (this.#continuesScalars(start)) {
      const last = this.#rejected.pop() as RejectedRecord
      const lastStart = start - last.bytes.length
      this.#reject(last.reason, this.#body.subarray(lastStart, this.#cursor.offset))
    } else {
      this.#reject(
        `The msgpack value at byte ${start} is no event of Fluent Bit: ${problem}.`,
        this.#body.subarray(start, this.#cursor.offset),
      )
    }
    this.#scalarsEnd = isContainer(this.#body[start] ?? 0) ? -1 : this.#cursor.offset
    return true
  }

  /** Text among events is a number for each of its bytes: in one piece it is still text, and one dead letter. */
  #continuesScalars(start: number): boolean {
    return start === this.#scalarsEnd && !isContainer(this.#body[start] ?? 0)
  }

  /** False when there is no event after it. */
  #rejectUndelimited(error: UndelimitedError, start: number): boolean {
    this.#finder.charge(start, this.#cursor.offset)
    const next = this.#finder.nextEvent(start)
    this.#reject(
      `From byte ${start} on, the body cannot be read as msgpack: ${error.message}.`,
      this.#body.subarray(start, next),
    )
    this.#cursor.offset = next
    return next < this.#body.length
  }

  #rejectUpTo(next: number, start: number): true {
    this.#reject(
      `The msgpack value at byte ${start} is damaged: the event at byte ${next} begins in the middle of it.`,
      this.#body.subarray(start, next),
    )
    this.#cursor.offset = next
    return true
  }

  /** Keeps what was not decoded so that it can be decoded by itself: with the start of the group that it belongs to. */
  #rejectRest(start: number, reason: string): false {
    const { groupStart } = this.#events
    const rest = this.#body.subarray(start)
    this.#reject(reason, groupStart.length === 0 ? rest : Buffer.concat([groupStart, rest]))
    return false
  }

  #reject(reason: string, bytes: Buffer): void {
    this.#rejected.push({ code: 'DECODE_NOT_MSGPACK', reason, bytes })
  }
}

/** Whether a list or a map begins with this byte, as every event does. */
function isContainer(byte: number): boolean {
  return (byte >= 0x80 && byte <= 0x9f) || (byte >= 0xdc && byte <= 0xdf)
}
