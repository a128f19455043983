import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  CLOSER_OFFSET,
  COLON,
  COMMA,
  isWhitespace,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './bytes.ts'

const STRING = 1
const OPENER = 2
const CLOSER = 3
const SEPARATOR = 4

const CUT_STRING = 'a string holds a line break'

/** What each byte means outside a string. */
const kinds = new Uint8Array(256)
kinds[QUOTE] = STRING
kinds[OPEN_BRACE] = OPENER
kinds[OPEN_BRACKET] = OPENER
kinds[CLOSE_BRACE] = CLOSER
kinds[CLOSE_BRACKET] = CLOSER
kinds[COMMA] = SEPARATOR

/** Bytes that need a look inside a string. */
const endsRun = new Uint8Array(256)
endsRun[QUOTE] = 1
endsRun[BACKSLASH] = 1
endsRun[LINE_FEED] = 1

/**
 * Finds where a JSON value ends by looking at brackets and strings only. It does not validate: `{"a":nan}` has an end as well, so
 * that a bad token spoils its own record and no other. No recursion; the depth is bounded.
 */
export class StructuralScanner {
  /** Where the last scan gave up. */
  stoppedAt = 0
  /** Why the last scan gave up, as the end of a sentence. */
  problem = ''
  /** Whether it was at a line break inside a string. */
  stoppedAtLineBreak = false
  readonly #body: Buffer
  readonly #depthMax: number
  /** The closing bracket that each open level waits for. */
  #closers = new Uint8Array(64)

  constructor(body: Buffer, depthMax: number) {
    this.#body = body
    this.#depthMax = depthMax
  }

  /**
   * The end (exclusive) of the object or array that starts at `start`, or -1. Stops early at what is no JSON in any reading, so
   * that a damaged line does not take its neighbours along: a line break inside a string, or an opening bracket that
   * follows a complete value.
   */
  scanValue(start: number, limit: number): number {
    return this.#scan(start, limit, false)
  }

  /** The offset of the comma or the `]` that ends the array element at `start`, or the end of the body, or -1. */
  scanElement(start: number, limit: number): number {
    return this.#scan(start, limit, true)
  }

  #scan(start: number, limit: number, isElement: boolean): number {
    const body = this.#body
    let depth = 0
    let offset = start
    while (offset < limit) {
      const byte = body[offset] as number
      const kind = kinds[byte] as number
      if (kind === STRING) {
        offset = this.#skipString(offset + 1, limit, isElement)
        if (offset < 0) return -1
        continue
      }
      if (kind === OPENER) {
        if (depth === this.#depthMax) return this.#giveUp(offset, `it is nested deeper than ${depth} levels`)
        if (!isElement && depth > 0 && !this.#mayOpen(offset, start))
          return this.#giveUp(offset, 'a comma is missing')
        this.#push(depth, byte + CLOSER_OFFSET)
        depth += 1
      } else if (kind === CLOSER) {
        if (depth === 0 && isElement && byte === CLOSE_BRACKET) return offset
        if (depth === 0 || this.#closers[depth - 1] !== byte)
          return this.#giveUp(offset, 'brackets do not match')
        depth -= 1
        if (depth === 0 && !isElement) return offset + 1
      } else if (kind === SEPARATOR && depth === 0 && isElement) {
        return offset
      }
      offset += 1
    }
    if (isElement && depth === 0 && limit === body.length) return limit
    return this.#giveUp(limit, 'a closing bracket is missing')
  }

  /** The offset after the closing quote, or -1. */
  #skipString(start: number, limit: number, mayHoldLineFeed: boolean): number {
    const body = this.#body
    let offset = start
    while (offset < limit) {
      const byte = body[offset] as number
      if (endsRun[byte] === 0) offset += 1
      else if (byte === QUOTE) return offset + 1
      else if (byte === BACKSLASH && (mayHoldLineFeed || body[offset + 1] !== LINE_FEED)) offset += 2
      else if (mayHoldLineFeed) offset += 1
      else return this.#giveUp(offset, CUT_STRING)
    }
    return this.#giveUp(limit, 'a string has no end')
  }

  /** Inside a value, a bracket opens after a comma, a colon or a bracket; after anything else a new record has begun. */
  #mayOpen(offset: number, start: number): boolean {
    let previous = offset - 1
    while (previous > start && isWhitespace(this.#body[previous])) previous -= 1
    const byte = this.#body[previous]
    return byte === COMMA || byte === COLON || byte === OPEN_BRACKET
  }

  #push(depth: number, closer: number): void {
    if (depth === this.#closers.length) {
      const grown = new Uint8Array(depth * 2)
      grown.set(this.#closers)
      this.#closers = grown
    }
    this.#closers[depth] = closer
  }

  #giveUp(offset: number, problem: string): -1 {
    this.stoppedAt = offset
    this.problem = problem
    this.stoppedAtLineBreak = problem === CUT_STRING
    return -1
  }
}
