import { BadData } from '../bad-data.ts'

/** Bytes that are not the message they should be. The message is the end of a sentence. */
export class OtlpError extends BadData {}

export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

const twoTo32 = 2 ** 32

/** One byte of a varint has 7 bits; a value of 64 bits takes at most 10. */
const varintMaxBytes = 10

/**
 * Steps through the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding). Groups, which protobuf gave up
 * before OTLP was made, are refused. A length beyond the end is refused before anything is done with it.
 */
export class WireCursor {
  readonly body: Buffer
  /** Where the next field begins, and where the message ends. */
  offset: number
  readonly end: number
  /** The field that `next` read last: its number, type, first byte, and its value as a range of bytes. */
  field = 0
  wireType = 0
  fieldStart = 0
  valueStart = 0
  valueEnd = 0
  /** Whether the value goes on beyond the end of the message: `valueEnd` is then the end. Only with `mayBeCut`. */
  isCut = false
  #low = 0
  #high = 0

  constructor(body: Buffer, start: number, end: number) {
    this.body = body
    this.offset = start
    this.end = end
  }

  /** Reads one field; false at the end of the message. Throws OtlpError. With `mayBeCut`, a value may be longer than the message. */
  next(mayBeCut = false): boolean {
    if (this.offset === this.end) return false
    this.fieldStart = this.offset
    this.#readVarint()
    this.wireType = this.#low & 7
    this.field = this.#high === 0 ? this.#low >>> 3 : 0
    if (this.field === 0) throw new OtlpError('a field has the number 0, or one that is too large')
    this.valueStart = this.offset
    this.#readValue(mayBeCut)
    this.offset = this.valueEnd
    return true
  }

  /** Throws OtlpError when the field that was read last is of another type. */
  expect(wireType: number): void {
    if (this.wireType !== wireType) throw new OtlpError(`field ${this.field} has the wrong type`)
  }

  /** A varint as a signed integer of 64 bits. */
  get int64(): number | bigint {
    this.expect(wireTypes.varint)
    const value = (this.#high | 0) * twoTo32 + this.#low
    if (Number.isSafeInteger(value)) return value
    return BigInt(this.#high | 0) * BigInt(twoTo32) + BigInt(this.#low)
  }

  /** A varint as an enum or a signed integer of 32 bits. */
  get int32(): number {
    this.expect(wireTypes.varint)
    return this.#low | 0
  }

  get isTrue(): boolean {
    this.expect(wireTypes.varint)
    return this.#low !== 0 || this.#high !== 0
  }

  get fixed64(): bigint {
    this.expect(wireTypes.fixed64)
    return this.body.readBigUInt64LE(this.valueStart)
  }

  get double(): number {
    this.expect(wireTypes.fixed64)
    return this.body.readDoubleLE(this.valueStart)
  }

  /** The message in the field that was read last. */
  get message(): WireCursor {
    this.expect(wireTypes.bytes)
    return new WireCursor(this.body, this.valueStart, this.valueEnd)
  }

  #readValue(mayBeCut: boolean): void {
    if (this.wireType === wireTypes.varint) {
      this.#readVarint()
      this.valueEnd = this.offset
      return
    }
    let size = 0
    if (this.wireType === wireTypes.fixed64) size = 8
    else if (this.wireType === wireTypes.fixed32) size = 4
    else if (this.wireType === wireTypes.bytes) {
      this.#readVarint()
      size = this.#high * twoTo32 + this.#low
      this.valueStart = this.offset
    } else throw new OtlpError(`field ${this.field} has a type that protobuf does not know`)
    this.isCut = size > this.end - this.valueStart
    if (this.isCut && !mayBeCut) throw new OtlpError('a value is longer than what holds it')
    this.valueEnd = this.isCut ? this.end : this.valueStart + size
  }

  /** Reads into two halves of 32 bits, since a number holds only 53. What is above 64 bits is dropped, as protobuf does. */
  #readVarint(): void {
    let low = 0
    let middle = 0
    let high = 0
    for (let index = 0; index < varintMaxBytes; index += 1) {
      if (this.offset === this.end) throw new OtlpError('it ends in the middle of a field')
      const byte = this.body[this.offset] as number
      this.offset += 1
      const bits = byte & 0x7f
      if (index < 4) low |= bits << (7 * index)
      else if (index < 8) middle |= bits << (7 * (index - 4))
      else high |= bits << (7 * (index - 8))
      if (byte < 0x80) {
        this.#low = (low | (middle << 28)) >>> 0
        this.#high = ((middle >>> 4) | (high << 24)) >>> 0
        return
      }
    }
    throw new OtlpError('an integer has more than 10 bytes')
  }
}

/** A field of a message with `parts` as its bytes. */
export function wrapField(field: number, parts: readonly Buffer[]): Buffer {
  let size = 0
  for (const part of parts) size += part.length
  const head = [(field << 3) | wireTypes.bytes]
  for (; size >= 0x80; size = Math.floor(size / 0x80)) head.push((size % 0x80) | 0x80)
  head.push(size)
  return Buffer.concat([Buffer.from(head), ...parts])
}
