import { brokenEncoding, tooLargeDecompressed } from './encoding-errors.ts'

/** Three bytes of input (a copy) give at most 64 bytes of output. */
const OUTPUT_BYTES_PER_COPY = 64
const COPY_BYTES = 3
/** Below this many bytes a loop is faster than a call. */
const SHORT_BYTES = 16

/**
 * Undoes snappy in its block format, which Fluent Bit and Vector send: the length of the output, then literals and copies of earlier
 * output (https://github.com/google/snappy/blob/main/format_description.txt). Not the framing format.
 *
 * Throws HTTP_BODY_TOO_LARGE when the announced length is over `maxBytes`, and HTTP_ENCODING_BROKEN. The length is believed, and
 * memory taken for it, only if so much can come of the input. The output is complete, or nothing is returned.
 */
export function unsnappyBody(body: Buffer, maxBytes: number): Buffer {
  const { length, end } = readLength(body)
  if (length > maxBytes) throw tooLargeDecompressed(maxBytes)
  if (length * COPY_BYTES > (body.length - end) * OUTPUT_BYTES_PER_COPY) throw broken('it ends too early')
  return new BlockDecoder(body, end, length).decode()
}

/** A varint of 32 bits. */
function readLength(body: Buffer): { length: number; end: number } {
  let length = 0
  for (let index = 0; index < 5; index += 1) {
    const byte = body[index]
    if (byte === undefined) throw broken('it ends too early')
    length += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) {
      if (length > 0xffffffff) break
      return { length, end: index + 1 }
    }
  }
  throw broken('the length at its start has more than 32 bits')
}

class BlockDecoder {
  readonly #input: Buffer
  readonly #output: Buffer
  #position: number
  #written = 0

  constructor(input: Buffer, position: number, length: number) {
    this.#input = input
    this.#position = position
    this.#output = Buffer.allocUnsafe(length)
  }

  decode(): Buffer {
    while (this.#position < this.#input.length) this.#readElement()
    if (this.#written !== this.#output.length) throw broken('there is less output than it announces')
    return this.#output
  }

  #readElement(): void {
    const tag = this.#uint(1)
    const upper = tag >> 2
    switch (tag & 3) {
      case 0:
        return this.#literal(1 + (upper < 60 ? upper : this.#uint(upper - 59)))
      case 1:
        return this.#copy(((tag >> 5) << 8) | this.#uint(1), 4 + (upper & 7))
      case 2:
        return this.#copy(this.#uint(2), 1 + upper)
      default:
        return this.#copy(this.#uint(4), 1 + upper)
    }
  }

  #literal(length: number): void {
    const start = this.#position
    if (length > this.#input.length - start) throw broken('it ends too early')
    this.#checkRoom(length)
    if (length <= SHORT_BYTES) {
      for (let index = 0; index < length; index += 1)
        this.#output[this.#written + index] = this.#input[start + index] as number
    } else {
      this.#input.copy(this.#output, this.#written, start, start + length)
    }
    this.#position += length
    this.#written += length
  }

  /** A copy may reach into what it writes itself: then the bytes from `offset` back repeat. */
  #copy(offset: number, length: number): void {
    const from = this.#written - offset
    if (offset === 0 || from < 0) throw broken(`a copy at byte ${this.#position} begins before the output`)
    this.#checkRoom(length)
    if (length > SHORT_BYTES && offset >= length) {
      this.#output.copyWithin(this.#written, from, from + length)
    } else {
      for (let index = 0; index < length; index += 1)
        this.#output[this.#written + index] = this.#output[from + index] as number
    }
    this.#written += length
  }

  #checkRoom(length: number): void {
    if (length > this.#output.length - this.#written) throw broken('there is more output than it announces')
  }

  #uint(bytesCount: number): number {
    const start = this.#position
    if (bytesCount > this.#input.length - start) throw broken('it ends too early')
    this.#position += bytesCount
    return bytesCount === 1 ? (this.#input[start] as number) : this.#input.readUIntLE(start, bytesCount)
  }
}

function broken(problem: string): Error {
  return brokenEncoding('snappy', problem)
}
