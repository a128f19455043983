import assert from 'node:assert/strict'
import type { RecordBlock } from '../core/record-block.ts'
import { CARRIAGE_RETURN, LINE_FEED, SPACE } from './bytes.ts'

/** Collects the places of records in a body and makes the block of them. */
export class BlockBuilder {
  readonly #body: Buffer
  // Few at first: small bodies are many, and such small arrays lie in the heap.
  #starts = new Uint32Array(8)
  #ends = new Uint32Array(8)
  #count = 0
  #hasLineBreaks = false
  /** Whether the records so far already lie in the body as the block wants them: one newline after each and nothing else. */
  #isContiguous = true

  constructor(body: Buffer) {
    this.#body = body
  }

  get recordsCount(): number {
    return this.#count
  }

  /** Where the last record begins and ends in the body; -1 before the first. */
  get lastStart(): number {
    return this.#count === 0 ? -1 : (this.#starts[this.#count - 1] as number)
  }

  get lastEnd(): number {
    return this.#count === 0 ? -1 : (this.#ends[this.#count - 1] as number)
  }

  /** Adds a record without its outer whitespace. Records come in the order of the body. */
  add(start: number, end: number, hasLineBreaks: boolean): void {
    if (this.#count === this.#starts.length) this.#grow()
    if (this.#count > 0 && this.#isContiguous) {
      const gapStart = this.#ends[this.#count - 1] as number
      this.#isContiguous = start === gapStart + 1 && this.#body[gapStart] === LINE_FEED
    }
    this.#starts[this.#count] = start
    this.#ends[this.#count] = end
    this.#count += 1
    this.#hasLineBreaks ||= hasLineBreaks
  }

  /**
   * The block: a view of the body when it already has the right form; else it is written over the body where that is allowed, and a copy
   * where not. May be called once.
   */
  build(mayOverwrite: boolean): RecordBlock {
    const ends = this.#blockEnds()
    if (this.#count === 0) return { bytes: this.#body.subarray(0, 0), ends }
    const first = this.#starts[0] as number
    const last = this.#ends[this.#count - 1] as number
    if (this.#isContiguous && !this.#hasLineBreaks && this.#body[last] === LINE_FEED) {
      return { bytes: this.#body.subarray(first, last + 1), ends }
    }
    const bytesCount = ends[this.#count - 1] as number
    const isInPlace = mayOverwrite && this.#fitsInPlace(ends)
    const bytes = isInPlace ? this.#body.subarray(0, bytesCount) : Buffer.allocUnsafe(bytesCount)
    for (let record = 0; record < this.#count; record = this.#copyRun(record, bytes, ends));
    if (this.#hasLineBreaks) replaceLineBreaks(bytes, ends)
    return { bytes, ends }
  }

  /** Whether each record with its newline ends before the next one begins, so that records move to the front one after the other. */
  #fitsInPlace(ends: Uint32Array): boolean {
    for (let record = 1; record < this.#count; record += 1)
      if ((this.#starts[record] as number) < (ends[record - 1] as number)) return false
    return (ends[this.#count - 1] as number) <= this.#body.length
  }

  /** Copies records that lie one byte apart (a comma or a newline) in one go, and puts newlines after them. */
  #copyRun(firstRecord: number, bytes: Buffer, ends: Uint32Array): number {
    let next = firstRecord + 1
    while (next < this.#count && this.#starts[next] === (this.#ends[next - 1] as number) + 1) next += 1
    const target = firstRecord === 0 ? 0 : (ends[firstRecord - 1] as number)
    this.#body.copy(bytes, target, this.#starts[firstRecord], this.#ends[next - 1])
    for (let record = firstRecord; record < next; record += 1) bytes[(ends[record] as number) - 1] = LINE_FEED
    return next
  }

  #blockEnds(): Uint32Array {
    const ends = new Uint32Array(this.#count)
    let end = 0
    for (let record = 0; record < this.#count; record += 1) {
      const length = (this.#ends[record] as number) - (this.#starts[record] as number)
      assert(length > 0)
      end += length + 1
      ends[record] = end
    }
    return ends
  }

  #grow(): void {
    const [starts, ends] = [new Uint32Array(this.#count * 4), new Uint32Array(this.#count * 4)]
    starts.set(this.#starts)
    ends.set(this.#ends)
    this.#starts = starts
    this.#ends = ends
  }
}

/** A valid record has raw line breaks only between tokens, where a space means the same. */
function replaceLineBreaks(bytes: Buffer, ends: Uint32Array): void {
  for (const byte of [CARRIAGE_RETURN, LINE_FEED]) {
    for (let offset = bytes.indexOf(byte); offset >= 0; offset = bytes.indexOf(byte, offset + 1))
      bytes[offset] = SPACE
  }
  for (const end of ends) bytes[end - 1] = LINE_FEED
}
