import assert from 'node:assert/strict'
import type { IsalLibrary } from './isal-library.ts'

/**
 * `sizeof(struct isal_zstream)` is 82,384 from 2.30 to 2.32, and cannot change under one soname, since callers allocate it; more is
 * given all the same.
 */
const streamBytes = 256 * 1024

/** ISAL_DEF_LVL1_DEFAULT and ISAL_DEF_LVL2_DEFAULT of igzip_lib.h: tables and tokens. */
const levelBytes = { 1: 282_624, 2: 331_776 } as const

export type IsalLevel = keyof typeof levelBytes

/** The head of `struct isal_zstream` (igzip_lib.h 2.30 to 2.32), as offsets in bytes on a machine of 64 bits. */
const offsets = {
  nextIn: 0,
  availIn: 8,
  totalIn: 12,
  nextOut: 16,
  availOut: 24,
  totalOut: 28,
  level: 40,
  levelBufSize: 44,
  levelBuf: 48,
  endOfStream: 56,
  flush: 58,
} as const

/** COMP_OK */
const ok = 0
const fullFlush = 2

/** A stored block has 5 bytes around at most so many. */
const storedBlockBytes = 65_535

/**
 * The most that so many bytes become. Given this much room the library writes stored blocks instead of anything larger (`stored_len` in
 * `isal_deflate_stateless`), so it never lacks room.
 */
export function deflatedBytesMax(rawBytes: number): number {
  return rawBytes + 5 * Math.max(1, Math.ceil(rawBytes / storedBlockBytes))
}

/**
 * The memory of one call of the library at a time: the stream, the tables of its level, and room for the output of a usual piece.
 *
 * Each is an ArrayBuffer of its own, which the garbage collector frees but never moves. The raw bytes of a call are referred to from `start`
 * to `finish`, since the library has only their address.
 */
export class IsalJob {
  readonly stream = new Uint8Array(streamBytes)
  readonly #library: IsalLibrary
  readonly #view = new DataView(this.stream.buffer)
  readonly #level: IsalLevel
  readonly #tables: Uint8Array
  readonly #tablesAddress: bigint
  readonly #output: Buffer
  readonly #outputAddress: bigint
  #raw: Buffer | undefined
  /** Of a piece that is larger than `#output`. */
  #largeOutput: Buffer | undefined

  constructor(library: IsalLibrary, level: IsalLevel, usualRawBytes: number) {
    this.#library = library
    this.#output = Buffer.allocUnsafeSlow(deflatedBytesMax(usualRawBytes))
    this.#level = level
    this.#tables = new Uint8Array(levelBytes[level])
    this.#tablesAddress = library.addressOf(this.#tables)
    this.#outputAddress = library.addressOf(this.#output)
  }

  /** Prepares `stream` for a call. */
  start(rawBytes: Buffer): void {
    assert(this.#raw === undefined, 'a job does one piece at a time')
    const outputBytes = deflatedBytesMax(rawBytes.length)
    assert(outputBytes < 2 ** 32, 'the library counts bytes in 32 bits')
    // Small arrays can be where the collector moves things; to ask for their buffer brings them out of there for good.
    assert(rawBytes.buffer.byteLength >= rawBytes.length)
    this.#raw = rawBytes
    let outputAddress = this.#outputAddress
    if (outputBytes > this.#output.length) {
      this.#largeOutput = Buffer.allocUnsafeSlow(outputBytes)
      outputAddress = this.#library.addressOf(this.#largeOutput)
    }
    this.#library.init(this.stream)
    const view = this.#view
    view.setBigUint64(offsets.nextIn, this.#library.addressOf(rawBytes), true)
    view.setUint32(offsets.availIn, rawBytes.length, true)
    view.setBigUint64(offsets.nextOut, outputAddress, true)
    view.setUint32(offsets.availOut, outputBytes, true)
    view.setUint32(offsets.level, this.#level, true)
    view.setUint32(offsets.levelBufSize, this.#tables.length, true)
    view.setBigUint64(offsets.levelBuf, this.#tablesAddress, true)
    view.setUint16(offsets.endOfStream, 0, true)
    view.setUint16(offsets.flush, fullFlush, true)
  }

  /** The piece in memory of its own size; undefined when the call did not deflate all of it. */
  finish(code: number): Buffer | undefined {
    const { length = 0 } = this.#raw ?? {}
    const output = this.#largeOutput ?? this.#output
    this.#raw = undefined
    this.#largeOutput = undefined
    const outputBytes = this.#view.getUint32(offsets.totalOut, true)
    const isWhole =
      this.#view.getUint32(offsets.availIn, true) === 0 &&
      this.#view.getUint32(offsets.totalIn, true) === length &&
      outputBytes <= output.length
    if (code !== ok || !isWhole) return undefined
    const piece = Buffer.allocUnsafeSlow(outputBytes)
    output.copy(piece, 0, 0, outputBytes)
    return piece
  }
}
