import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSeparators,
  skipWhitespace,
  SPACE,
} from '../bytes.ts'
import { OtlpError } from './wire.ts'

/** Bytes of a JSON text. */
export type Range = { readonly start: number; readonly end: number }

/** A member of an object. */
export type Member = { readonly name: string; readonly value: Range; readonly isNull: boolean }

/** A name in the messages of OTLP is far shorter; of a longer one it is enough to know that it is none of them. */
const nameMaxBytes = 64

/**
 * Walks through the outer levels of a JSON text without parsing it, so that a body of many records is never in memory as objects. It
 * finds where values begin and end by brackets and strings; whether they are valid is found when they are parsed.
 */
export class JsonCursor {
  readonly #body: Buffer
  /** Whether a value was met that goes on beyond the end of the body. */
  isCut = false

  constructor(body: Buffer) {
    this.#body = body
  }

  /**
   * The value that begins at `start` or after whitespace. Throws OtlpError when it has no end; with `mayBeCut`, an object or array then
   * ends with the body.
   */
  valueAt(start: number, mayBeCut = false): Range {
    const body = this.#body
    const first = skipWhitespace(body, start, body.length)
    const byte = body[first]
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET)
      return { start: first, end: this.#endOfBrackets(first, mayBeCut) }
    if (byte === QUOTE) return { start: first, end: this.#endOfString(first) }
    let end = first
    while (end < body.length && !isDelimiter(body[end])) end += 1
    if (end === first) throw new OtlpError('a value is missing')
    return { start: first, end }
  }

  /** Members of the object, in their order; the last one may be cut. Throws OtlpError when the range holds no object. */
  *members(object: Range): Generator<Member> {
    const body = this.#body
    if (body[object.start] !== OPEN_BRACE) throw new OtlpError('it is not an object')
    let offset = skipWhitespace(body, object.start + 1, object.end)
    while (!this.#isEnd(offset) && body[offset] !== CLOSE_BRACE) {
      if (body[offset] !== QUOTE) throw new OtlpError('the name of a member is missing')
      const nameEnd = this.#endOfString(offset, true)
      const name = body.toString('latin1', offset + 1, Math.min(nameEnd - 1, offset + nameMaxBytes))
      offset = skipWhitespace(body, nameEnd, object.end)
      if (this.#isEnd(offset)) return
      if (body[offset] !== COLON) throw new OtlpError('a colon is missing')
      offset = skipWhitespace(body, offset + 1, object.end)
      if (this.#isEnd(offset)) return
      const value = this.valueAt(offset, true)
      const isNull = body.toString('latin1', value.start, Math.min(value.end, value.start + 5)) === 'null'
      yield { name, value, isNull }
      offset = skipWhitespace(body, value.end, object.end)
      if (body[offset] === COMMA) offset = skipWhitespace(body, offset + 1, object.end)
      else if (!this.#isEnd(offset) && body[offset] !== CLOSE_BRACE) throw new OtlpError('a comma is missing')
    }
  }

  /**
   * Elements of the array; with `mayBeCut` the last one may be cut. A comma too few or too many is no reason to give up the
   * others. Throws OtlpError when the range holds no array.
   */
  *elements(array: Range, mayBeCut: boolean): Generator<Range> {
    const body = this.#body
    if (body[array.start] !== OPEN_BRACKET) throw new OtlpError('it is not an array')
    let offset = skipSeparators(body, array.start + 1, array.end)
    while (!this.#isEnd(offset) && body[offset] !== CLOSE_BRACKET) {
      const value = this.valueAt(offset, mayBeCut)
      yield value
      offset = skipSeparators(body, value.end, array.end)
    }
  }

  /** Brackets are only counted: what does not match, or stands where it must not, spoils its own record and no other. */
  #endOfBrackets(start: number, mayBeCut: boolean): number {
    const body = this.#body
    let depth = 0
    for (let offset = start; offset < body.length; offset += 1) {
      const byte = body[offset]
      if (byte === QUOTE) {
        offset = this.#endOfString(offset, mayBeCut) - 1
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1
        if (depth === 0) return offset + 1
      }
    }
    return this.#cut(mayBeCut, 'a closing bracket is missing')
  }

  #endOfString(quote: number, mayBeCut = false): number {
    const body = this.#body
    for (let offset = quote + 1; offset < body.length; offset += 1) {
      if (body[offset] === QUOTE) return offset + 1
      if (body[offset] === BACKSLASH) offset += 1
    }
    return this.#cut(mayBeCut, 'a string has no end')
  }

  /** Whether the body ends here, inside of a value. */
  #isEnd(offset: number): boolean {
    this.isCut ||= offset === this.#body.length
    return offset === this.#body.length
  }

  #cut(mayBeCut: boolean, problem: string): number {
    if (!mayBeCut) throw new OtlpError(problem)
    this.isCut = true
    return this.#body.length
  }
}

const delimiters = [COMMA, COLON, QUOTE, CLOSE_BRACE, CLOSE_BRACKET]

/** Whether the byte ends a number, a literal, or what stands in its place. */
function isDelimiter(byte: number | undefined): boolean {
  return byte === undefined || byte <= SPACE || delimiters.includes(byte)
}
