import { BlockBuilder } from './block-builder.ts'
import {
  CARRIAGE_RETURN,
  CLOSE_BRACKET,
  Finder,
  isWhitespace,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  skipWhitespace,
  trimEnd,
} from './bytes.ts'
import { type CleanTail, findCleanTail, type Shape } from './clean-tail.ts'
import { describeParseError, parseErrorOf } from './json-problem.ts'
import { decodeLimits } from './limits.ts'
import { RecordFinder } from './record-finder.ts'
import { Rejections } from './rejections.ts'
import { StructuralScanner } from './scan.ts'
import { type Checked, checked, endOfObject } from './valid-object.ts'

/** What the readers of one body share: the results so far, the scanner, and the bounds on their work. */
export class BodyReading {
  readonly body: Buffer
  readonly records: BlockBuilder
  readonly rejections: Rejections
  readonly scanner: StructuralScanner
  readonly finder: RecordFinder
  readonly lineFeeds: Finder
  /** Where the body ends, whitespace apart. */
  readonly lastEnd: number
  /** An array that came to its end was seen; it may have been empty. */
  sawClosedArray = false
  /** Reading ended inside an array, because too many pieces were rejected. */
  isInArray = false
  /** An array was given up line by line, so that its `]` is still to come. */
  hasOpenArray = false
  /** The last object was given up at a line break inside a string, and nothing was accepted since. */
  isInCutString = false
  readonly #carriageReturns: Finder
  readonly #checked: Checked
  #scanBudget: number
  /** Bytes that may still be checked in vain. */
  #checkBudget: number
  /** What was found last, for the `end` it was found for. */
  readonly #tails: Record<Shape, CleanTail & { readonly end: number }> = {
    array: { end: -1, start: -1, stoppedAt: -1 },
    concatenated: { end: -1, start: -1, stoppedAt: -1 },
  }

  /** `original` has the same length: rejected pieces are cut from it, up to `rejectedMaxCount` of them. */
  constructor(body: Buffer, original = body, rejectedMaxCount?: number) {
    this.body = body
    this.#checked = checked(body)
    this.records = new BlockBuilder(body)
    this.rejections = new Rejections(original, rejectedMaxCount)
    this.scanner = new StructuralScanner(body, decodeLimits.depthMax)
    this.finder = new RecordFinder(body, this.scanner)
    this.lineFeeds = new Finder(body, LINE_FEED)
    this.lastEnd = trimEnd(body, 0, body.length)
    this.#carriageReturns = new Finder(body, CARRIAGE_RETURN)
    this.#scanBudget = decodeLimits.scanBudgetFactor * body.length
    this.#checkBudget = this.#scanBudget
  }

  /**
   * The end (exclusive) of the valid object that starts at `start` with a brace and ends in its line. Negative when there is none, or when too much was
   * checked in vain: then scanner and JSON.parse have the word.
   */
  endOfObject(start: number): number {
    if (this.#checkBudget <= 0) return -1
    const end = endOfObject(this.#checked, start)
    if (end < 0) this.#checkBudget -= ~end - start
    return end
  }

  /** Takes a valid object without line breaks. */
  acceptObject(start: number, end: number): void {
    this.isInCutString = false
    this.records.add(start, end, false)
  }

  /**
   * What is wrong with the text as JSON: undefined if nothing, else the end of a sentence. The scanner must have measured the depth
   * of the text, or it must be shorter than `decodeLimits.unmeasuredValueMaxBytes`.
   */
  problemOf(start: number, end: number): string | undefined {
    const error = parseErrorOf(this.body, start, end)
    return error === undefined ? undefined : describeParseError(error, start)
  }

  /** Takes valid JSON: as a record if it is an object. */
  accept(start: number, end: number): void {
    this.isInCutString = false
    if (this.body[start] === OPEN_BRACE) {
      const hasLineBreaks = this.lineFeeds.next(start) < end || this.#carriageReturns.next(start) < end
      this.records.add(start, end, hasLineBreaks)
    } else {
      this.rejections.addNotAnObject(start, end)
    }
  }

  /** Whether a record was accepted before `start` in the same line. */
  isInLine(start: number): boolean {
    const { lastEnd } = this.records
    return lastEnd >= 0 && !this.body.subarray(lastEnd, start).includes(LINE_FEED)
  }

  /** How far a scan may look that belongs to the line ending at `lineEnd`. */
  scanLimit(lineEnd: number): number {
    return Math.min(this.body.length, lineEnd + this.#scanBudget)
  }

  /** To be called after a scan that found nothing. */
  chargeScan(lineEnd: number): void {
    this.#scanBudget = Math.max(0, this.#scanBudget - Math.max(0, this.scanner.stoppedAt - lineEnd))
  }

  /**
   * The first record after `start` from which everything up to `end` is well formed, if there is one; else an offset before `start`.
   * Found once for each `end` and shape, so that a second damage there finds nothing and the work stays linear.
   */
  cleanTail(start: number, end: number, shape: Shape): number {
    return this.#tail(start, end, shape).start
  }

  #tail(start: number, end: number, shape: Shape): CleanTail {
    const tails = this.#tails
    if (tails[shape].end !== end) tails[shape] = { end, ...findCleanTail(this.body, start, end, shape) }
    return tails[shape]
  }

  /**
   * Where reading can go on after what is damaged from `start` on: the first sound record between this damage and another one before
   * `end`, or else the clean tail. An offset before `start` when there is none.
   */
  nextRecord(start: number, end: number, shape: Shape): number {
    const tail = this.#tail(start, end, shape)
    const damage = this.finder.damageAfter(start, end)
    const isArray = shape === 'array'
    // A bad token is no reason to look into the value that holds it.
    if (isArray && damage.isSound && damage.offset > start) return tail.start
    const isAtBracket = this.body[start] === CLOSE_BRACKET
    if (isAtBracket && tail.start < start) return tail.start
    // A record without an end seems to hold all that follows; in an array that has its end it more likely does not.
    const isEndless = isArray && damage.offset === end && this.body[end - 1] === CLOSE_BRACKET
    const isWithinTail = tail.start >= 0 && tail.start <= start
    const last =
      isEndless || isAtBracket || isWithinTail ? end : skipWhitespace(this.body, tail.stoppedAt + 1, end)
    const range = { from: isEndless ? start + 1 : damage.offset, last, end }
    const likes = isEndless ? [start] : [start, this.records.lastStart]
    const between = this.finder.find(isArray ? 'array' : 'damaged', range, likes)
    return between < 0 || (tail.start > start && tail.start < between) ? tail.start : between
  }

  /**
   * Where the lines end that belong to a damaged value of more than one line: before the next line that begins with a bracket and is
   * not indented deeper. What is nested in the value is indented deeper, and must not be taken for a record.
   */
  endOfIndentedPiece(start: number): number {
    const column = start - (this.body.lastIndexOf(LINE_FEED, start) + 1)
    let lineStart = this.lineFeeds.next(start) + 1
    while (lineStart < this.body.length) {
      let offset = lineStart
      while (isWhitespace(this.body[offset]) && this.body[offset] !== LINE_FEED) offset += 1
      const byte = this.body[offset]
      if (offset - lineStart <= column && (byte === OPEN_BRACE || byte === OPEN_BRACKET)) return lineStart
      lineStart = this.lineFeeds.next(offset) + 1
    }
    return this.body.length
  }
}
