import { isUtf8 } from 'node:buffer'
import { BadData } from '../bad-data.ts'
import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE } from '../bytes.ts'
import { type JsonWriter, writerLimits } from '../json-writer.ts'
import { kinds, type MsgpackCursor } from './cursor.ts'
import { floatText } from './float-text.ts'

/** A value that is whole but has no place in a record. The message is the end of a sentence. */
export class MisfitError extends BadData {}

/**
 * Writes msgpack values as JSON, from bytes to bytes.
 *
 * - integers: all their digits, of 64 bits too
 * - floats: see `floatText`; NaN and infinities are null
 * - strings: UTF-8 as it is; what is not UTF-8 becomes U+FFFD
 * - binary: a string, of the text if it is UTF-8, else of base64; Fluent Bit prints text and, for other bytes, what it guesses
 * - extensions: a string of base64; Fluent Bit prints `\x..`, which is not JSON
 * - keys that are not strings: their JSON text as a string; Fluent Bit prints it without the quotes, which is not JSON
 * - keys that occur twice stay
 */
export class Transcoder {
  readonly #cursor: MsgpackCursor
  readonly #writer: JsonWriter
  #depth = 0
  #isInKey = false
  readonly #membersLeft = new Uint32Array(writerLimits.depthMax)
  readonly #closers = new Uint8Array(writerLimits.depthMax)

  constructor(cursor: MsgpackCursor, writer: JsonWriter) {
    this.#cursor = cursor
    this.#writer = writer
  }

  /** To be called before the first value of an event: an error may have left a value half written. */
  reset(): void {
    this.#depth = 0
    this.#isInKey = false
  }

  /** Writes the value at the cursor. Throws MisfitError, and UndelimitedError of the cursor. */
  writeValue(): void {
    this.#cursor.read()
    this.writeRead()
  }

  /** Writes the value that the cursor has just read. */
  writeRead(): void {
    const base = this.#depth
    this.#writeOrOpen()
    let isFirst = true
    while (this.#depth > base) {
      const level = this.#depth - 1
      const left = this.#membersLeft[level] as number
      if (left === 0) {
        this.#writer.byte(this.#closers[level] as number)
        this.#depth = level
        isFirst = false
        continue
      }
      if (!isFirst) this.#writer.byte(COMMA)
      this.#membersLeft[level] = left - 1
      this.#cursor.read()
      if (this.#closers[level] === CLOSE_BRACE) {
        this.writeReadKey()
        this.#writer.byte(COLON)
        this.#cursor.read()
      }
      const depthBefore = this.#depth
      this.#writeOrOpen()
      isFirst = this.#depth > depthBefore
    }
  }

  /** Writes the value that the cursor has just read as the key of an object. */
  writeReadKey(): void {
    const { kind } = this.#cursor
    if (kind === kinds.string || kind === kinds.binary || kind === kinds.extension) return this.#writeScalar()
    if (kind !== kinds.array && kind !== kinds.map) {
      this.#writer.byte(QUOTE)
      this.#writeScalar()
      this.#writer.byte(QUOTE)
      return
    }
    // Each further level would double the backslashes of the one inside it.
    if (this.#isInKey) throw new MisfitError('a key has an array or a map as a key')
    this.#isInKey = true
    const start = this.#writer.length
    this.writeRead()
    this.#writer.quoteFrom(start)
    this.#isInKey = false
  }

  #writeOrOpen(): void {
    const { kind, count } = this.#cursor
    if (kind !== kinds.array && kind !== kinds.map) return this.#writeScalar()
    if (this.#depth === writerLimits.depthMax)
      throw new MisfitError(`it is nested deeper than ${writerLimits.depthMax} levels`)
    this.#writer.byte(kind === kinds.map ? OPEN_BRACE : OPEN_BRACKET)
    this.#closers[this.#depth] = kind === kinds.map ? CLOSE_BRACE : CLOSE_BRACKET
    this.#membersLeft[this.#depth] = count
    this.#depth += 1
  }

  #writeScalar(): void {
    const { body, kind, start, end } = this.#cursor
    const writer = this.#writer
    if (kind === kinds.string) writer.text(body, start, end)
    else if (kind === kinds.unsigned || kind === kinds.signed) writer.ascii(this.#integerText())
    else if (kind === kinds.float) writer.ascii(floatText(this.#cursor.toNumber(), end - start === 4))
    else if (kind === kinds.true) writer.ascii('true')
    else if (kind === kinds.false) writer.ascii('false')
    else if (kind === kinds.nil) writer.ascii('null')
    else if (kind === kinds.binary && isUtf8(body.subarray(start, end))) writer.text(body, start, end)
    else writer.base64(body, start, end)
  }

  #integerText(): string {
    const isLong = this.#cursor.end - this.#cursor.start === 8
    return String(isLong ? this.#cursor.toBigInt() : this.#cursor.toNumber())
  }
}
