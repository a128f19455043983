import { Finder } from '../bytes.ts'
import { kinds, MsgpackCursor, UndelimitedError } from './cursor.ts'

/** How every event of Fluent Bit begins since its version 2.1: `[[EventTime`. In text these bytes are not valid UTF-8. */
const signature = Buffer.from([0x92, 0x92, 0xd7, 0x00])

/**
 * What may be looked at in vain: twice the body, and of a small one more, so that damaged events in it may each seem to hold all that
 * follow. It takes about a quarter of a second.
 */
const budgetFactor = 2
const budgetMinBytes = 16_000_000

/**
 * Finds where events begin when the values before them cannot be trusted: a damaged event ends too late, in the middle of those that
 * follow, and the sizes in it say nothing.
 *
 * The bytes looked at in vain are bounded, and so is what a damaged event took for its own before it was given up.
 */
export class EventFinder {
  readonly #body: Buffer
  readonly #cursor: MsgpackCursor
  readonly #signatures: Finder
  #budget: number

  constructor(body: Buffer) {
    this.#body = body
    this.#cursor = new MsgpackCursor(body)
    this.#signatures = new Finder(body, signature.toString('latin1'))
    this.#budget = Math.max(budgetMinBytes, budgetFactor * body.length)
  }

  /** To be called when the value at `start` was given up at `stoppedAt`: what begins an event behind `start` is looked at again. */
  charge(start: number, stoppedAt: number): void {
    this.#budget -= Math.max(0, stoppedAt - this.#signatures.next(start + 1))
  }

  /** Where the next event after `start` begins that is whole; the length of the body when there is none. */
  nextEvent(start: number): number {
    let offset = this.#signatures.next(start + 1)
    while (offset < this.#body.length && !this.#isWhole(offset)) offset = this.#signatures.next(offset + 1)
    return offset
  }

  /**
   * Where the value from `start` to `end` should have ended, because an event of Fluent Bit begins there; undefined when nothing is
   * wrong. An event in binary data does no harm if the value ends where the next one begins.
   */
  eventWithin(start: number, end: number): number | undefined {
    if (this.#budget < 0 || this.#signatures.next(start + 1) >= end) return undefined
    const offset = this.nextEvent(start)
    if (offset >= end) return undefined
    this.#budget -= end - offset
    const isInPlace = end === this.#body.length || this.#beginsAt(end)
    return isInPlace && !this.#holdsEvent(start, end) ? undefined : offset
  }

  #isWhole(offset: number): boolean {
    if (this.#budget < 0) return false
    const cursor = this.#cursor
    cursor.offset = offset
    try {
      cursor.skip()
      return true
    } catch (error) {
      if (!(error instanceof UndelimitedError)) throw error
      this.#budget -= cursor.offset - offset
      return false
    }
  }

  #beginsAt(offset: number): boolean {
    return this.#body.subarray(offset, offset + signature.length).equals(signature)
  }

  /** Whether an event begins in the value from `start` to `end`, elsewhere than in binary data. */
  #holdsEvent(start: number, end: number): boolean {
    const cursor = this.#cursor
    cursor.offset = start
    cursor.read()
    while (cursor.offset < end) {
      const valueStart = cursor.offset
      cursor.read()
      const isBinary = cursor.kind === kinds.binary
      const bytes = this.#body.subarray(valueStart, cursor.offset + signature.length - 1)
      if (!isBinary && bytes.includes(signature)) return true
    }
    return false
  }
}
