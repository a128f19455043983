import { limits } from '../core/limits.ts'
import type { RejectedRecord } from '../core/ports.ts'
import { Finder, LINE_FEED, skipWhitespace, trimEnd } from './bytes.ts'

const openingBracket = Buffer.from('[')

/** The pieces of one body that are no records, each with where it is and why. Never says what is in them. */
export class Rejections {
  readonly list: RejectedRecord[] = []
  readonly #body: Buffer
  readonly #lineFeeds: Finder
  readonly #maxCount: number
  #line = 1
  #lineOffset = 0

  constructor(body: Buffer, maxCount: number = limits.rejectedMaxCount) {
    this.#maxCount = maxCount
    this.#body = body
    this.#lineFeeds = new Finder(body, LINE_FEED)
  }

  get isFull(): boolean {
    return this.list.length >= this.#maxCount
  }

  /** `problem` is the end of a sentence. */
  addNotJson(start: number, end: number, problem: string): void {
    this.#add(
      'DECODE_NOT_JSON',
      start,
      end,
      (place) => `The record at ${place} is not valid JSON: ${problem}.`,
    )
  }

  addNotAnObject(start: number, end: number): void {
    this.#add(
      'DECODE_NOT_AN_OBJECT',
      start,
      end,
      (place) => `The record at ${place} is valid JSON, but not an object.`,
    )
  }

  /**
   * Keeps what was not even looked at, because the limit is reached, as a body of its own: what is the rest of an array gets back its
   * opening bracket.
   */
  addRest(start: number, isInArray: boolean): void {
    const reason = (place: string) =>
      `${this.list.length} records of this body are bad; from ${place} on it was not decoded, and may hold good records.`
    const isAdded = this.#add('DECODE_NOT_JSON', start, this.#body.length, reason)
    const rest = this.list.at(-1)
    if (!isAdded || !isInArray || rest === undefined) return
    this.list[this.list.length - 1] = { ...rest, bytes: Buffer.concat([openingBracket, rest.bytes]) }
  }

  /** Offsets come in the order of the body. False, and nothing happens, when there is only whitespace. */
  #add(code: RejectedRecord['code'], start: number, end: number, reason: (place: string) => string): boolean {
    const first = skipWhitespace(this.#body, start, end)
    const last = trimEnd(this.#body, first, end)
    if (first === last) return false
    this.#countLines(first)
    this.list.push({
      code,
      reason: reason(`byte ${first} (line ${this.#line})`),
      bytes: this.#body.subarray(first, last),
    })
    return true
  }

  #countLines(offset: number): void {
    for (
      let next = this.#lineFeeds.next(this.#lineOffset);
      next < offset;
      next = this.#lineFeeds.next(this.#lineOffset)
    ) {
      this.#line += 1
      this.#lineOffset = next + 1
    }
  }
}
