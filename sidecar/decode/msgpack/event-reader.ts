import { CLOSE_BRACE, COLON, COMMA, OPEN_BRACE } from '../bytes.ts'
import type { JsonWriter } from '../json-writer.ts'
import { kinds, type MsgpackCursor } from './cursor.ts'
import { type EventTime, eventTimeOf } from './event-time.ts'
import { MisfitError, Transcoder } from './transcode.ts'

/** The group that the next records belong to. */
type Group = { readonly start: number; readonly end: number; readonly attributes: Buffer }

const internalKey = Buffer.from('__internal__')
const emptyObject = '{}'

/**
 * Reads events and writes each as a record, in the form of Fluent Bit's own JSON (flb_pack_msgpack_to_json_format in flb_pack.c): the
 * time, then `__internal__` if the group has attributes or the event has metadata, then the record.
 */
export class EventReader {
  readonly #cursor: MsgpackCursor
  readonly #writer: JsonWriter
  readonly #transcoder: Transcoder
  readonly #dateKey: Buffer
  /** The date key as a member of an object, up to its colon. */
  readonly #dateName: Buffer
  #group: Group | undefined

  constructor(cursor: MsgpackCursor, writer: JsonWriter, dateKey: string) {
    this.#cursor = cursor
    this.#writer = writer
    this.#transcoder = new Transcoder(cursor, writer)
    this.#dateKey = Buffer.from(dateKey)
    this.#dateName = Buffer.from(`${JSON.stringify(dateKey.toWellFormed())}:`)
  }

  /** The bytes of the event that began the group of the next records, if there is one. */
  get groupStart(): Buffer {
    const { start, end } = this.#group ?? { start: 0, end: 0 }
    return this.#cursor.body.subarray(start, end)
  }

  /**
   * Reads the event at the cursor. Throws MisfitError when the value there is none, UndelimitedError, and OutputFullError; what was
   * written of the record is then to be dropped.
   */
  readEvent(): void {
    const cursor = this.#cursor
    const start = cursor.offset
    this.#transcoder.reset()
    this.#readArrayOfTwo('it is not an array of two')
    cursor.read()
    const hasHeader = cursor.kind === kinds.array
    if (hasHeader) {
      if (cursor.count !== 2) throw new MisfitError('its header is not an array of two')
      cursor.read()
    }
    const time = eventTimeOf(cursor)
    const metadataStart = cursor.offset
    if (time === 'group-start' || time === 'group-end') this.#readGroupMarker(time, hasHeader, start)
    else this.#readRecord(time.at, hasHeader ? metadataStart : undefined)
  }

  #readGroupMarker(marker: Extract<EventTime, string>, hasHeader: boolean, start: number): void {
    const cursor = this.#cursor
    this.#group = undefined
    if (hasHeader) cursor.skip()
    if (marker === 'group-end') return cursor.skip()
    const attributesStart = this.#writer.length
    cursor.read()
    if (cursor.kind !== kinds.map) throw new MisfitError('the attributes of the group are not a map')
    this.#transcoder.writeRead()
    const attributes = this.#writer.takeFrom(attributesStart)
    this.#group = { start, end: cursor.offset, attributes }
  }

  #readRecord(time: string, metadataStart: number | undefined): void {
    const writer = this.#writer
    writer.byte(OPEN_BRACE)
    const dateStart = writer.length
    writer.raw(this.#dateName)
    writer.ascii(`"${time}"`)
    const internalStart = writer.length
    this.#writeInternal(metadataStart !== undefined)
    this.#cursor.read()
    if (this.#cursor.kind === kinds.map) {
      this.#writeBody(dateStart, internalStart)
    } else {
      writer.ascii(',"log":')
      this.#transcoder.writeRead()
    }
    writer.byte(CLOSE_BRACE)
    writer.endRecord()
  }

  /** Group attributes are there in every record of a group, and metadata always, if one of the two is not empty. */
  #writeInternal(hasMetadata: boolean): void {
    const [cursor, writer, group] = [this.#cursor, this.#writer, this.#group]
    let hasEmptyMetadata = true
    if (hasMetadata) {
      cursor.read()
      if (cursor.kind !== kinds.map) throw new MisfitError('its metadata is not a map')
      hasEmptyMetadata = cursor.count === 0
    }
    if (hasEmptyMetadata && (group === undefined || group.attributes.length === emptyObject.length)) return
    writer.ascii(',"__internal__":{')
    if (group !== undefined) {
      writer.ascii('"group_attributes":')
      writer.raw(group.attributes)
      writer.byte(COMMA)
    }
    writer.ascii('"log_metadata":')
    if (hasEmptyMetadata) writer.ascii(emptyObject)
    else this.#transcoder.writeRead()
    writer.byte(CLOSE_BRACE)
  }

  /** A record's own date and `__internal__` win over ours, as in Fluent Bit, where the last of two equal keys is printed. */
  #writeBody(dateStart: number, internalStart: number): void {
    const [cursor, writer] = [this.#cursor, this.#writer]
    const bodyStart = writer.length
    let [hasDate, hasInternal] = [false, false]
    for (let left = cursor.count; left > 0; left -= 1) {
      writer.byte(COMMA)
      cursor.read()
      hasDate ||= this.#isKey(this.#dateKey)
      hasInternal ||= this.#isKey(internalKey)
      this.#transcoder.writeReadKey()
      writer.byte(COLON)
      this.#transcoder.writeValue()
    }
    if (hasInternal) writer.erase(internalStart, bodyStart)
    // The comma after it goes too: there is one, since the record has a key.
    if (hasDate) writer.erase(dateStart, internalStart + 1)
  }

  #isKey(wanted: Buffer): boolean {
    const { kind, start, end, body } = this.#cursor
    if (kind !== kinds.string && kind !== kinds.binary) return false
    return end - start === wanted.length && body.compare(wanted, 0, wanted.length, start, end) === 0
  }

  #readArrayOfTwo(problem: string): void {
    this.#cursor.read()
    if (this.#cursor.kind !== kinds.array || this.#cursor.count !== 2) throw new MisfitError(problem)
  }
}
