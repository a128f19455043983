import { Finder } from './bytes.ts'
import { parseErrorOf } from './json-problem.ts'
import { decodeLimits } from './limits.ts'

const CREDIT_MAX = 16

/**
 * Guesses that a record ends where the next one seems to begin (`},{` or `}{`), and lets JSON.parse decide. A text that is a whole
 * object has no other end, so a guess that parses is right; it spares the scan, which costs a quarter of the time. Guesses that
 * fail, as with arrays of objects inside records, soon end the guessing.
 */
export class EndGuesser {
  readonly #body: Buffer
  readonly #boundaries: Finder
  #credit = CREDIT_MAX

  constructor(body: Buffer, boundary: '},{' | '}{') {
    this.#body = body
    this.#boundaries = new Finder(body, boundary)
  }

  /** The end (exclusive) of the valid object at `start`, or -1 when the guess is wrong. */
  guessEnd(start: number): number {
    if (this.#credit < 2) return -1
    const boundary = this.#boundaries.next(start)
    if (boundary === this.#body.length || boundary - start > decodeLimits.guessMaxBytes) return -1
    const isRight = parseErrorOf(this.#body, start, boundary + 1) === undefined
    this.#credit = Math.min(CREDIT_MAX, this.#credit + (isRight ? 1 : -2))
    return isRight ? boundary + 1 : -1
  }
}
