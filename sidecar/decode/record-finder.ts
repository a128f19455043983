import { limits } from '../core/limits.ts'
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isWhitespace,
  OPEN_BRACE,
  QUOTE,
  skipWhitespace,
} from './bytes.ts'
import { type Damage, findDamage } from './damage.ts'
import { parseErrorOf } from './json-problem.ts'
import { decodeLimits } from './limits.ts'
import type { StructuralScanner } from './scan.ts'

/**
 * Where records are looked for: among the members of an array; of one in other values, as its last member too; behind a damaged object, one after the other; between whole
 * objects on a line, where nothing can be nested in anything; or behind text at the start of a line.
 */
export type Surroundings = 'array' | 'list' | 'damaged' | 'stream' | 'text'

const belongsToValue: ReadonlySet<number | undefined> = new Set([
  COMMA,
  COLON,
  QUOTE,
  CLOSE_BRACE,
  CLOSE_BRACKET,
])

/** Keys longer than this are not compared. */
const keyMaxBytes = 256

/**
 * Finds sound records between two damages, where neither reading forwards from the first nor backwards from the second tells how deep
 * one is. What decides is that records of one sender begin with the same key, which objects nested in them seldom do.
 *
 * What was searched in vain is not searched again, and the bytes looked at and the objects parsed in vain are bounded.
 */
export class RecordFinder {
  readonly #body: Buffer
  readonly #scanner: StructuralScanner
  #budget: number
  /** What is no JSON takes microseconds, however short it is. */
  #parsesLeft: number = limits.rejectedMaxCount
  readonly #searched = { array: 0, list: 0, damaged: 0, stream: 0, text: 0 }

  constructor(body: Buffer, scanner: StructuralScanner) {
    this.#body = body
    this.#scanner = scanner
    this.#budget = decodeLimits.scanBudgetFactor * body.length
  }

  /** As `findDamage`, and `end` when too much was looked at before. */
  damageAfter(start: number, end: number): Damage {
    const damage = this.#budget < 0 ? { offset: end, isSound: false } : findDamage(this.#body, start, end)
    this.#budget -= damage.offset - start
    return damage
  }

  /**
   * The first sound object that begins from `from` to `last` and ends before `end`, if it begins with the same key as one of the objects
   * at `likes`, or if none of these has a key; else -1.
   */
  find(
    surroundings: Surroundings,
    range: { readonly from: number; readonly last: number; readonly end: number },
    likes: readonly number[],
  ): number {
    const keys = likes.map((offset) => this.#keyAt(offset)).filter((key) => key !== undefined)
    const end = Math.min(range.last + 1, this.#body.length)
    let offset = this.#braceFrom(Math.max(range.from, this.#searched[surroundings]), end)
    while (offset < end && this.#budget >= 0 && this.#parsesLeft > 0) {
      this.#searched[surroundings] = offset
      if (this.#isRecord(offset, range.end, surroundings, keys)) return offset
      offset = this.#braceFrom(offset + 1, end)
    }
    this.#searched[surroundings] = Math.max(this.#searched[surroundings], range.last + 1)
    return -1
  }

  /** Looks no further than `end`, or each line without a brace would be looked at together with all that follow. */
  #braceFrom(start: number, end: number): number {
    const index = this.#body.subarray(start, end).indexOf(OPEN_BRACE)
    return index < 0 ? end : start + index
  }

  #isRecord(start: number, end: number, surroundings: Surroundings, keys: readonly Buffer[]): boolean {
    if ((surroundings === 'array' || surroundings === 'list') && this.#left(start) !== COMMA) return false
    const key = this.#keyAt(start)
    if (key === undefined || (keys.length > 0 && !keys.some((other) => other.equals(key)))) return false
    const scanned = this.#scanner.scanValue(start, end)
    if (scanned < 0) {
      this.#budget -= this.#scanner.stoppedAt - start
      return false
    }
    const isSound = this.#mayEnd(start, scanned, end, surroundings) && this.#isJson(start, scanned)
    if (!isSound) this.#budget -= scanned - start
    return isSound
  }

  #isJson(start: number, end: number): boolean {
    const isJson = parseErrorOf(this.#body, start, end) === undefined
    if (!isJson) this.#parsesLeft -= 1
    return isJson
  }

  /** What is nested is followed by what belongs to the value around it. */
  #mayEnd(start: number, offset: number, end: number, surroundings: Surroundings): boolean {
    const next = skipWhitespace(this.#body, offset, end)
    const byte = this.#body[next]
    if (surroundings === 'list') return byte === COMMA || byte === CLOSE_BRACKET
    if (surroundings === 'array')
      return byte === COMMA || (byte === CLOSE_BRACKET && skipWhitespace(this.#body, next + 1, end) === end)
    if (byte === OPEN_BRACE) return true
    if (surroundings === 'damaged') return next === end || (byte === COMMA && this.#left(start) === COMMA)
    return surroundings === 'stream' && !belongsToValue.has(byte)
  }

  #left(start: number): number | undefined {
    let offset = start - 1
    while (isWhitespace(this.#body[offset])) offset -= 1
    return this.#body[offset]
  }

  /** The first key of the object at `offset`, with its escapes; undefined when there is none. */
  #keyAt(offset: number): Buffer | undefined {
    const body = this.#body
    if (body[offset] !== OPEN_BRACE) return undefined
    const quote = skipWhitespace(body, offset + 1, body.length)
    if (body[quote] !== QUOTE) return undefined
    const key = body.subarray(quote + 1, quote + 1 + keyMaxBytes)
    const length = key.indexOf(QUOTE)
    return length < 0 ? undefined : key.subarray(0, length)
  }
}
