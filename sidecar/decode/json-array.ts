import type { BodyReading } from './body-reading.ts'
import {
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  skipSeparators,
  skipWhitespace,
  trimEnd,
} from './bytes.ts'

const MISSING_BRACKET = 'a closing bracket is missing'

/**
 * Reads the array that starts at `start` and returns where to go on.
 *
 * Each member is validated by itself, so that a bad token (Fluent Bit prints `nan`, `inf` and `"\x41"`) spoils its own record and no
 * other. When the structure itself is broken, reading goes on at the first record from which the rest is well formed; when
 * there is none, line by line. A missing `]` alone costs nothing.
 */
export function readArray(reading: BodyReading, start: number): number {
  return new ArrayReader(reading, start).read()
}

class ArrayReader {
  readonly #reading: BodyReading
  readonly #body: Buffer
  readonly #start: number
  /** Where the first line of the array ends. */
  readonly #firstLineEnd: number
  readonly #isOneLine: boolean
  /** Set when the array is given up: reading goes on outside of it. */
  #isOver = false

  constructor(reading: BodyReading, start: number) {
    this.#reading = reading
    this.#body = reading.body
    this.#start = start
    this.#firstLineEnd = reading.lineFeeds.next(start)
    this.#isOneLine = this.#endsWithItsLine()
  }

  read(): number {
    const body = this.#body
    let offset = this.#start + 1
    while (!this.#isOver && !this.#reading.rejections.isFull) {
      offset = skipSeparators(body, offset, body.length)
      if (offset === body.length) return offset
      if (body[offset] !== CLOSE_BRACKET) offset = this.#readMember(offset)
      else {
        const next = this.#nextAfterBracket(offset)
        if (next < offset) {
          this.#reading.sawClosedArray = true
          return offset + 1
        }
        offset = this.#setAside(offset, next, 'a closing bracket is in the wrong place')
      }
    }
    this.#reading.isInArray = !this.#isOver
    return offset
  }

  #readMember(start: number): number {
    const reading = this.#reading
    const checked = this.#body[start] === OPEN_BRACE ? reading.endOfObject(start) : -1
    if (checked >= 0 && isMemberEnd(this.#body, checked)) {
      reading.acceptObject(start, checked)
      return checked
    }
    const lineEnd = reading.lineFeeds.next(start)
    const stop = reading.scanner.scanElement(start, reading.scanLimit(lineEnd))
    if (stop < 0) {
      reading.chargeScan(lineEnd)
      return this.#recover(start, lineEnd, this.#body.length, reading.scanner.problem)
    }
    const end = trimEnd(this.#body, start, stop)
    const problem = this.#swallowsTheRest(start, stop) ? MISSING_BRACKET : reading.problemOf(start, end)
    if (problem !== undefined) return this.#recover(start, lineEnd, stop, problem)
    reading.accept(start, end)
    return stop
  }

  /** An array as the last member, after which the outer `]` is missing: more likely a `[` too many than one `]` too few. */
  #swallowsTheRest(start: number, stop: number): boolean {
    return this.#body[start] === OPEN_BRACKET && stop === this.#body.length
  }

  /** `stop` is where the bad member seems to end: at the end of the body when it has no end. */
  #recover(start: number, lineEnd: number, stop: number, problem: string): number {
    const reading = this.#reading
    const next = this.#nextRecord(start, lineEnd)
    if (next > start && next < stop) return this.#setAside(start, next, problem)
    const mayEndThere = stop < this.#body.length && (stop <= lineEnd || !this.#isOneLine)
    if (mayEndThere) {
      reading.rejections.addNotJson(start, stop, problem)
      return stop
    }
    this.#isOver = true
    if (start > this.#firstLineEnd) {
      reading.hasOpenArray = true
      return start
    }
    reading.rejections.addNotJson(start, lineEnd, problem)
    return lineEnd
  }

  /** The next record of this very array behind the `]` at `offset`; an offset before it when the array ends there. */
  #nextAfterBracket(offset: number): number {
    const lineEnd = this.#reading.lineFeeds.next(offset)
    const end = this.#isOneLine ? lineEnd : this.#reading.lastEnd
    const after = skipSeparators(this.#body, offset + 1, end)
    const endsHere = after === end || this.#body[after] === OPEN_BRACKET
    return endsHere ? -1 : this.#nextRecord(offset, lineEnd)
  }

  /** Sets aside what stands between `start` and the next sound member, and returns where that begins. */
  #setAside(start: number, next: number, problem: string): number {
    this.#reading.rejections.addNotJson(start, this.#body.lastIndexOf(COMMA, next), problem)
    return next
  }

  #nextRecord(start: number, lineEnd: number): number {
    return this.#reading.nextRecord(start, this.#isOneLine ? lineEnd : this.#reading.lastEnd, 'array')
  }

  /**
   * Whether damage in the array ends with its line: when the next line begins a value of its own, or when the body does not end with
   * `]`, so that there is no end to count on. Otherwise the array is taken to reach to the end of the body.
   */
  #endsWithItsLine(): boolean {
    const { body, lastEnd } = this.#reading
    if (this.#firstLineEnd >= lastEnd || body[lastEnd - 1] !== CLOSE_BRACKET) return true
    const last = body[trimEnd(body, this.#start, this.#firstLineEnd) - 1]
    const next = body[skipWhitespace(body, this.#firstLineEnd, body.length)]
    if (next === OPEN_BRACE) return last === CLOSE_BRACKET
    return next === OPEN_BRACKET && last !== COMMA && last !== COLON && last !== OPEN_BRACKET
  }
}

/** What follows a member on its line. */
function isMemberEnd(body: Buffer, end: number): boolean {
  const next = body[end]
  return next === COMMA || next === CLOSE_BRACKET
}
