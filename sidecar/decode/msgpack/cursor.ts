import { BadData } from '../bad-data.ts'

/** What a msgpack value is; of integers, also how many bytes they take. */
export const kinds = {
  nil: 0,
  false: 1,
  true: 2,
  unsigned: 3,
  signed: 4,
  float: 5,
  string: 6,
  binary: 7,
  extension: 8,
  array: 9,
  map: 10,
} as const

export type Kind = (typeof kinds)[keyof typeof kinds]

/** Bytes that cannot be told apart into values any more, from the value on in which this was met. */
export class UndelimitedError extends BadData {}

/** The kinds that have their size in 1, 2 or 4 bytes after the type byte: by the first type byte of the three (or two). */
const sizedKinds: readonly { readonly first: number; readonly last: number; readonly kind: Kind }[] = [
  { first: 0xc4, last: 0xc6, kind: kinds.binary },
  { first: 0xc7, last: 0xc9, kind: kinds.extension },
  { first: 0xd9, last: 0xdb, kind: kinds.string },
]

/**
 * Reads msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md) value by value. Nothing is allocated for what a value
 * declares, and a size beyond the end of the body is refused before anything is done with it.
 */
export class MsgpackCursor {
  readonly body: Buffer
  /** Where the next value begins. */
  offset = 0
  /** The value that `read` read last. */
  kind: Kind = kinds.nil
  /** Its payload: of arrays and maps, nothing; of integers of one byte, that byte. */
  start = 0
  end = 0
  /** Members of an array, pairs of a map. */
  count = 0
  /** Type of an extension. */
  extensionType = 0

  constructor(body: Buffer) {
    this.body = body
  }

  /** Reads one value, of an array or a map only its head. Throws UndelimitedError. */
  read(): void {
    const byte = this.#byteAt(this.offset)
    if (byte < 0x80) this.#leaf(kinds.unsigned, this.offset, 1)
    else if (byte >= 0xe0) this.#leaf(kinds.signed, this.offset, 1)
    else if (byte < 0x90) this.#container(kinds.map, this.offset + 1, byte & 0x0f)
    else if (byte < 0xa0) this.#container(kinds.array, this.offset + 1, byte & 0x0f)
    else if (byte < 0xc0) this.#leaf(kinds.string, this.offset + 1, byte & 0x1f)
    else this.#readMarked(byte)
  }

  /** Steps over one value of any depth. Throws UndelimitedError. */
  skip(): void {
    let pending = 1
    while (pending > 0) {
      this.read()
      pending -= 1
      if (this.kind === kinds.array) pending += this.count
      else if (this.kind === kinds.map) pending += 2 * this.count
      if (pending > this.body.length - this.offset) throw this.#tooShort()
    }
  }

  /** The value read last as a number: exact for integers of up to four bytes, and for floats. */
  toNumber(): number {
    const size = this.end - this.start
    if (this.kind === kinds.float)
      return size === 4 ? this.body.readFloatBE(this.start) : this.body.readDoubleBE(this.start)
    if (size === 8) return Number(this.toBigInt())
    return this.kind === kinds.signed
      ? this.body.readIntBE(this.start, size)
      : this.body.readUIntBE(this.start, size)
  }

  /** The value read last as an integer of eight bytes. */
  toBigInt(): bigint {
    return this.kind === kinds.signed
      ? this.body.readBigInt64BE(this.start)
      : this.body.readBigUInt64BE(this.start)
  }

  #readMarked(byte: number): void {
    const after = this.offset + 1
    if (byte === 0xc0) return this.#leaf(kinds.nil, after, 0)
    if (byte === 0xc1) throw new UndelimitedError(`byte ${this.offset} is 0xc1, which msgpack never uses`)
    if (byte <= 0xc3) return this.#leaf(byte === 0xc2 ? kinds.false : kinds.true, after, 0)
    for (const { first, last, kind } of sizedKinds) {
      if (byte >= first && byte <= last) return this.#sized(kind, after, 1 << (byte - first))
    }
    if (byte <= 0xcb) return this.#leaf(kinds.float, after, byte === 0xca ? 4 : 8)
    if (byte <= 0xcf) return this.#leaf(kinds.unsigned, after, 1 << (byte - 0xcc))
    if (byte <= 0xd3) return this.#leaf(kinds.signed, after, 1 << (byte - 0xd0))
    if (byte <= 0xd8) return this.#extension(after, 1 << (byte - 0xd4))
    const sizeBytes = byte % 2 === 0 ? 2 : 4
    this.#container(byte <= 0xdd ? kinds.array : kinds.map, after + sizeBytes, this.#uint(after, sizeBytes))
  }

  #sized(kind: Kind, start: number, sizeBytes: number): void {
    const size = this.#uint(start, sizeBytes)
    if (kind === kinds.extension) this.#extension(start + sizeBytes, size)
    else this.#leaf(kind, start + sizeBytes, size)
  }

  #extension(start: number, size: number): void {
    const type = this.#byteAt(start)
    this.#leaf(kinds.extension, start + 1, size)
    this.extensionType = type
  }

  #leaf(kind: Kind, start: number, size: number): void {
    if (size > this.body.length - start) throw this.#tooShort()
    this.kind = kind
    this.start = start
    this.end = start + size
    this.offset = this.end
  }

  /** Each member takes a byte at least, so a count that cannot be true is known before its members are read. */
  #container(kind: Kind, start: number, count: number): void {
    const members = kind === kinds.map ? 2 * count : count
    if (members > this.body.length - start) throw this.#tooShort()
    this.kind = kind
    this.count = count
    this.offset = start
  }

  #uint(start: number, size: number): number {
    if (size > this.body.length - start) throw this.#tooShort()
    return this.body.readUIntBE(start, size)
  }

  #byteAt(offset: number): number {
    const byte = this.body[offset]
    if (byte === undefined) throw this.#tooShort()
    return byte
  }

  #tooShort(): UndelimitedError {
    return new UndelimitedError('the body ends in the middle of it')
  }
}
