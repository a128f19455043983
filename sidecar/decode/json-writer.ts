import { isUtf8 } from 'node:buffer'
import type { RecordBlock } from '../core/record-block.ts'
import { LINE_FEED, QUOTE } from './bytes.ts'

const MB = 1_000_000

export const writerLimits = {
  /**
   * How much JSON one body may become: this many times its bytes, and at least `outputMinBytes`. What makes many bytes of few is an
   * attribute of a resource or a group, which each record repeats: a megabyte of them with 100,000 tiny records would be 100 GB.
   */
  outputFactor: 8,
  /** Room for a resource of 8 KB and the 8,192 records that the batch processor of OpenTelemetry sends at most by default. */
  outputMinBytes: 64 * MB,
  /** The ends of records are 32-bit numbers. */
  outputMaxBytes: 2_000 * MB,
  /** Levels of a value in a binary format. Log records have fewer than 20; the writers of them call themselves for each level. */
  depthMax: 512,
} as const

/** The most JSON that a body of so many bytes may become. */
export function outputLimitFor(bodyBytes: number): number {
  const wanted = Math.max(writerLimits.outputMinBytes, writerLimits.outputFactor * bodyBytes)
  return Math.min(writerLimits.outputMaxBytes, wanted)
}

/** Thrown by a writer at its limit. The decoder that owns the writer catches it. */
export class OutputFullError extends Error {}

const PLAIN = 0
const ESCAPED = 1
const NON_ASCII = 2

/** What a byte of a string needs, before it is known whether the string is UTF-8, and after. */
const kindsOfAny = new Uint8Array(256).fill(PLAIN, 0, 0x80).fill(NON_ASCII, 0x80)
const kindsOfUtf8 = new Uint8Array(256)
const escapes: string[] = []
for (let byte = 0; byte < 0x80; byte += 1) {
  const escaped = JSON.stringify(String.fromCharCode(byte)).slice(1, -1)
  escapes.push(escaped)
  if (escaped.length > 1) kindsOfAny[byte] = kindsOfUtf8[byte] = ESCAPED
}

/** Shorter runs, and shorter texts, are copied faster by a loop than by a call. */
const shortRunBytes = 24
/** Text that is not UTF-8 is mended in pieces of this size. */
const mendedPieceBytes = 65_536

/**
 * Writes records as newline-delimited JSON into one growing buffer. It does not know JSON's grammar: the caller puts the brackets and
 * commas. Throws OutputFullError when the bytes would exceed the limit.
 */
export class JsonWriter {
  #bytes: Buffer
  #length = 0
  #ends = new Uint32Array(64)
  #count = 0
  readonly #maxBytes: number

  constructor(expectedBytes: number, maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(maxBytes, expectedBytes + 256))
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  get recordsCount(): number {
    return this.#count
  }

  /** Forgets what was written from `length` on. */
  truncate(length: number): void {
    this.#length = length
  }

  /** Takes out what was written from `start` to `end`. */
  erase(start: number, end: number): void {
    this.#bytes.copyWithin(start, end, this.#length)
    this.#length -= end - start
  }

  /** A copy of what was written from `start` on, which is then forgotten. */
  takeFrom(start: number): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(start, this.#length))
    this.#length = start
    return taken
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  /** Text that is ASCII and needs no escape: numbers, literals, brackets, known keys. */
  ascii(text: string): void {
    this.#reserve(text.length)
    if (text.length > shortRunBytes) {
      this.#length += this.#bytes.write(text, this.#length, 'latin1')
      return
    }
    for (let index = 0; index < text.length; index += 1) {
      this.#bytes[this.#length] = text.charCodeAt(index)
      this.#length += 1
    }
  }

  /** Bytes that are JSON already. */
  raw(bytes: Buffer): void {
    this.#copy(bytes, 0, bytes.length)
  }

  /**
   * A string: quotes around the UTF-8 text, with only the escapes that JSON demands. Bytes that are not UTF-8 become U+FFFD, as they
   * would in Kusto (https://learn.microsoft.com/kusto/query/scalar-data-types/string).
   */
  text(source: Buffer, start: number, end: number): void {
    const opening = this.#length
    this.byte(QUOTE)
    if (this.#textRuns(source, start, end)) {
      this.byte(QUOTE)
      return
    }
    this.#length = opening + 1
    this.#mendedText(source, start, end)
    this.byte(QUOTE)
  }

  string(value: string): void {
    if (value.length <= shortRunBytes && isPlainAscii(value)) {
      this.byte(QUOTE)
      this.ascii(value)
      this.byte(QUOTE)
    } else {
      const bytes = Buffer.from(value)
      this.text(bytes, 0, bytes.length)
    }
  }

  /** A string that holds the bytes as base64. */
  base64(source: Buffer, start: number, end: number): void {
    this.ascii(`"${source.toString('base64', start, end)}"`)
  }

  /** Puts what was written from `start` on into quotes: JSON text as a string. */
  quoteFrom(start: number): void {
    const text = this.takeFrom(start)
    this.text(text, 0, text.length)
  }

  endRecord(): void {
    this.byte(LINE_FEED)
    if (this.#count === this.#ends.length) {
      const grown = new Uint32Array(this.#count * 2)
      grown.set(this.#ends)
      this.#ends = grown
    }
    this.#ends[this.#count] = this.#length
    this.#count += 1
  }

  /** Forgets what was written since the last record ended. */
  dropRecord(): void {
    this.#length = this.#count === 0 ? 0 : (this.#ends[this.#count - 1] as number)
  }

  /** Forgets all but the first `count` records. */
  keepRecords(count: number): void {
    this.#count = count
    this.dropRecord()
  }

  /** The records, as a view of the buffer; nothing may be written after. */
  block(): RecordBlock {
    return { bytes: this.#bytes.subarray(0, this.#length), ends: this.#ends.slice(0, this.#count) }
  }

  /** Writes the inside of a string. False, with something written, when the bytes are not UTF-8. */
  #textRuns(source: Buffer, start: number, end: number): boolean {
    let kinds = kindsOfAny
    let runStart = start
    let offset = start
    while (offset < end) {
      const byte = source[offset] as number
      const kind = kinds[byte]
      if (kind === NON_ASCII) {
        if (!isUtf8(source.subarray(start, end))) return false
        kinds = kindsOfUtf8
      } else if (kind === ESCAPED) {
        this.#copy(source, runStart, offset)
        this.ascii(escapes[byte] as string)
        runStart = offset + 1
      }
      offset += 1
    }
    this.#copy(source, runStart, end)
    return true
  }

  #mendedText(source: Buffer, start: number, end: number): void {
    if (end - start <= mendedPieceBytes) {
      const mended = Buffer.from(source.toString('utf8', start, end))
      this.#textRuns(mended, 0, mended.length)
      return
    }
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    for (let offset = start; offset < end; offset += mendedPieceBytes) {
      const piece = source.subarray(offset, Math.min(end, offset + mendedPieceBytes))
      const mended = Buffer.from(decoder.decode(piece, { stream: offset + mendedPieceBytes < end }))
      this.#textRuns(mended, 0, mended.length)
    }
  }

  #copy(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    if (end - start > shortRunBytes) {
      this.#length += source.copy(this.#bytes, this.#length, start, end)
    } else {
      const bytes = this.#bytes
      let target = this.#length
      for (let offset = start; offset < end; offset += 1) {
        bytes[target] = source[offset] as number
        target += 1
      }
      this.#length = target
    }
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    if (needed > this.#maxBytes) throw new OutputFullError(`The records are over ${this.#maxBytes} bytes.`)
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(needed, this.#bytes.length * 2)))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

function isPlainAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    // Beyond the table it is no ASCII either.
    if (kindsOfAny[text.charCodeAt(index)] !== PLAIN) return false
  }
  return true
}
