import type { RecordBlock } from '../core/record-block.ts'

const LINE_FEED = 0x0a

/** Writes records into a block that grows. */
export class BlockWriter {
  #bytes: Buffer
  #length = 0
  readonly #ends: Uint32Array
  #count = 0

  /** `expectedBytes` saves copying when it is about right. */
  constructor(maxRecords: number, expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(expectedBytes, 64))
    this.#ends = new Uint32Array(maxRecords)
  }

  get bytesCount(): number {
    return this.#length
  }

  /** Adds the bytes from `start` up to but not including `end`. */
  copy(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    source.copy(this.#bytes, this.#length, start, end)
    this.#length += end - start
  }

  write(text: Buffer): void {
    this.copy(text, 0, text.length)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length] = value
    this.#length += 1
  }

  /** Adds a short text of ASCII characters. */
  ascii(text: string): void {
    this.#reserve(text.length)
    const bytes = this.#bytes
    // A call into Node costs more than a few dozen bytes.
    for (let index = 0; index < text.length; index += 1) bytes[this.#length + index] = text.charCodeAt(index)
    this.#length += text.length
  }

  /** Takes back what was written last. */
  truncate(bytesCount: number): void {
    this.#length = bytesCount
  }

  endRecord(): void {
    this.byte(LINE_FEED)
    this.#ends[this.#count] = this.#length
    this.#count += 1
  }

  block(): RecordBlock {
    return { bytes: this.#bytes.subarray(0, this.#length), ends: this.#ends.subarray(0, this.#count) }
  }

  #reserve(bytesCount: number): void {
    const needed = this.#length + bytesCount
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}
