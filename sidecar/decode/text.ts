import { limits } from '../core/limits.ts'
import type { Decoded, RejectedRecord } from '../core/ports.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { recordsOf } from '../core/record-block.ts'
import { BodyReading } from './body-reading.ts'
import {
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  isWhitespace,
  QUOTE,
  SPACE,
  skipWhitespace,
  trimEnd,
} from './bytes.ts'
import { JsonWriter, OutputFullError, outputLimitFor } from './json-writer.ts'
import { decodeLimits } from './limits.ts'
import { readLines } from './ndjson.ts'

/**
 * Makes records of a body that is not JSON all through. `reading` has read it as JSON: an array to its end, anything else
 * to the first piece that is bad. `start` is where its first line begins.
 *
 * Line by line: an object stays as it is, with or without a comma after it; any other line that is not blank becomes a record with the
 * line under `textKey`, without its line end. Only what is plainly JSON is not taken for text as a whole: an array of objects,
 * or a line of objects, of which some are bad. Its good records stay.
 *
 * What begins like a JSON object or an array of them (`{"`, `[{"`) and is none is damaged JSON rather than text: it is rejected, unless
 * `wrapText` is `always`. Nothing else is, unless too much is damaged, or the records would be many times the body (`outputLimitFor`): then
 * the rest is kept aside in one piece.
 */
export function readText(
  reading: BodyReading,
  start: number,
  { textKey, wrapText }: Pick<RecordSettings, 'textKey' | 'wrapText'>,
): Decoded {
  return new TextReader(reading, textKey, wrapText === 'always').read(start)
}

class TextReader {
  readonly #reading: BodyReading
  readonly #body: Buffer
  readonly #writer: JsonWriter
  /** What stands before a text in its record. */
  readonly #head: Buffer
  readonly #takesDamaged: boolean
  readonly #rejected: RejectedRecord[] = []
  #damagedCount = 0

  constructor(reading: BodyReading, textKey: string, takesDamaged: boolean) {
    const { body } = reading
    this.#reading = reading
    this.#body = body
    this.#writer = new JsonWriter(body.length + Math.ceil(body.length / 4), outputLimitFor(body.length))
    this.#head = Buffer.from(`{${JSON.stringify(textKey)}:`)
    this.#takesDamaged = takesDamaged
  }

  read(start: number): Decoded {
    let offset = start
    try {
      if (this.#readArray(start)) offset = this.#body.length
      while (offset < this.#body.length && this.#damagedCount < limits.rejectedMaxCount)
        offset = this.#readLine(offset)
      if (this.#body.subarray(offset).some((byte) => !isWhitespace(byte)))
        this.#rejected.push(this.#restOfDamaged(offset))
    } catch (error) {
      if (!(error instanceof OutputFullError)) throw error
      this.#writer.dropRecord()
      this.#rejected.push(this.#rest(offset))
    }
    return { block: this.#writer.block(), rejected: this.#rejected }
  }

  /** Whether the whole body is an array of objects. */
  #readArray(start: number): boolean {
    const { body, lastEnd } = this.#reading
    return (
      isArrayOfObjects(body, skipWhitespace(body, start, lastEnd), lastEnd) && this.#takeJson(this.#reading)
    )
  }

  /** Returns where the next line begins. */
  #readLine(start: number): number {
    const body = this.#body
    const lineFeed = body.indexOf(LINE_FEED, start)
    const lineEnd = lineFeed < 0 ? body.length : lineFeed
    const first = skipWhitespace(body, start, lineEnd)
    if (first < lineEnd && !this.#readJson(first, trimEnd(body, first, lineEnd)))
      this.#addLine(body.subarray(start, withoutCarriageReturns(body, start, lineEnd)))
    return lineEnd + 1
  }

  /** Whether a line without its outer whitespace is JSON in part or as a whole, and was taken. */
  #readJson(start: number, end: number): boolean {
    const body = this.#body
    const opener = body[start]
    if (opener !== OPEN_BRACE && opener !== OPEN_BRACKET) return false
    const objectEnd = body[end - 1] === COMMA ? trimEnd(body, start, end - 1) : end
    if (this.#isObject(start, objectEnd)) {
      this.#addObject(body.subarray(start, objectEnd))
      return true
    }
    const isArray = isArrayOfObjects(body, start, objectEnd)
    if (!isArray && !isLineOfObjects(body, start, objectEnd)) return false
    const pieces = body.subarray(start, objectEnd)
    const line = new BodyReading(pieces, pieces, 1 + limits.rejectedMaxCount - this.#damagedCount)
    readLines(line, 0)
    if ((isArray || line.rejections.list.every(({ bytes }) => isBraced(bytes))) && this.#takeJson(line))
      return true
    // It took the work of a damaged line, if it is to become text all the same.
    if (!beginsLikeObjects(pieces)) this.#damagedCount += 1
    return false
  }

  /** Long text goes through the scanner first, which bounds the depth. */
  #isObject(start: number, end: number): boolean {
    const { body, scanner } = this.#reading
    if (body[start] !== OPEN_BRACE || body[end - 1] !== CLOSE_BRACE) return false
    // What is plainly text is not parsed: there may be any number of lines of it.
    const next = skipWhitespace(body, start + 1, end)
    if (body[next] !== QUOTE) return next === end - 1
    const isLong = end - start > decodeLimits.unmeasuredValueMaxBytes
    if (isLong && scanner.scanValue(start, end) !== end) return false
    return this.#reading.problemOf(start, end) === undefined
  }

  /** Takes what was read as JSON, if there are records in it: first these, then what was set aside. */
  #takeJson({ records, rejections }: BodyReading): boolean {
    if (records.recordsCount === 0 || rejections.isFull) return false
    for (const record of recordsOf(records.build(false))) this.#addObject(record)
    for (const { bytes } of rejections.list) this.#addDamaged(bytes)
    return true
  }

  /** Adds a valid object: carriage returns stand only between its tokens, where a space means the same. */
  #addObject(object: Buffer): void {
    this.#writer.raw(object.includes(CARRIAGE_RETURN) ? withSpaces(object) : object)
    this.#writer.endRecord()
  }

  /** Adds what is no object: as text, or to what is rejected. */
  #addLine(line: Buffer): void {
    if (beginsLikeObjects(line)) this.#addDamaged(line)
    else this.#addText(line)
  }

  #addDamaged(piece: Buffer): void {
    this.#damagedCount += 1
    if (this.#takesDamaged) {
      this.#addText(piece)
      return
    }
    const reason = `What begins at byte ${piece.byteOffset - this.#body.byteOffset} is meant as JSON and is not a valid object.`
    this.#rejected.push({ code: 'DECODE_NOT_JSON', reason, bytes: piece })
  }

  #addText(text: Buffer): void {
    this.#writer.raw(this.#head)
    this.#writer.text(text, 0, text.length)
    this.#writer.byte(CLOSE_BRACE)
    this.#writer.endRecord()
  }

  #restOfDamaged(start: number): RejectedRecord {
    const reason = `${this.#damagedCount} pieces of this body are meant as JSON and are no valid objects; from byte ${start} on it was not decoded, and may hold good records.`
    return { code: 'DECODE_NOT_JSON', reason, bytes: this.#body.subarray(start) }
  }

  #rest(start: number): RejectedRecord {
    const reason = `The lines before byte ${start} became ${this.#writer.length} bytes of records, which is the limit; from there on it was not decoded.`
    return { code: 'DECODE_NOT_JSON', reason, bytes: this.#body.subarray(start) }
  }
}

function withoutCarriageReturns(body: Buffer, start: number, lineEnd: number): number {
  let end = lineEnd
  while (end > start && body[end - 1] === CARRIAGE_RETURN) end -= 1
  return end
}

function withSpaces(object: Buffer): Buffer {
  const copy = Buffer.from(object)
  for (
    let offset = copy.indexOf(CARRIAGE_RETURN);
    offset >= 0;
    offset = copy.indexOf(CARRIAGE_RETURN, offset)
  )
    copy[offset] = SPACE
  return copy
}

/** Without one of them nothing in an array is an object as programs write it: `[{1 2} {3 4}]` is text. */
const startsOfObjects = ['{"', '{ "', '{}'].map((text) => Buffer.from(text))

function isArrayOfObjects(body: Buffer, start: number, end: number): boolean {
  const isArray = body[start] === OPEN_BRACKET && body[end - 1] === CLOSE_BRACKET
  const first = skipWhitespace(body, start + 1, end)
  if (!isArray || body[first] !== OPEN_BRACE) return false
  const array = body.subarray(first, end)
  return startsOfObjects.some((text) => array.includes(text))
}

/** `{"a":1}{"b":nan}`, the form of Fluent Bit's `json_stream`. */
function isLineOfObjects(body: Buffer, start: number, end: number): boolean {
  return isBraced(body.subarray(start, end)) && body[skipWhitespace(body, start + 1, end)] === QUOTE
}

function beginsLikeObjects(line: Buffer): boolean {
  let offset = skipWhitespace(line, 0, line.length)
  if (line[offset] === OPEN_BRACKET) offset = skipWhitespace(line, offset + 1, line.length)
  return line[offset] === OPEN_BRACE && line[skipWhitespace(line, offset + 1, line.length)] === QUOTE
}

function isBraced(piece: Buffer): boolean {
  return piece[0] === OPEN_BRACE && piece[piece.length - 1] === CLOSE_BRACE
}
