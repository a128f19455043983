/**
 * One gzip member put together from pieces of raw deflate (RFC 1952 and 1951).
 *
 * Each piece was deflated by itself and ends with a flush on a byte boundary, so the pieces can follow each other; an empty
 * final block closes the stream. One member rather than one for each piece, because strict readers exist that take only
 * the first (the web's DecompressionStream does).
 */
import { crc32 } from 'node:zlib'

/** Deflate method, no name, no time (equal batches give equal bytes), unknown operating system. */
export const gzipHeader = Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff])

/** Empty final block, CRC-32 and length of the uncompressed bytes. */
export function gzipTrailer(rawCrc32: number, rawBytes: number): Buffer {
  const trailer = Buffer.alloc(10)
  trailer.writeUInt16LE(0x0003, 0)
  trailer.writeUInt32LE(rawCrc32, 2)
  trailer.writeUInt32LE(rawBytes % 2 ** 32, 6)
  return trailer
}

/** Bytes that header and trailer add to the pieces. */
export const gzipOverheadBytes = gzipHeader.length + 10

export function crc32Of(bytes: Buffer, start = 0): number {
  return crc32(bytes, start)
}

/**
 * The CRC-32 of two runs of bytes from the CRC-32 of each, as zlib's crc32_combine: the first is multiplied by
 * x^(8 * secondBytes) modulo the CRC polynomial.
 */
export function combineCrc32(first: number, second: number, secondBytes: number): number {
  let power = 0x80000000 // x^0, in the reflected notation of CRC-32.
  let bytesLeft = secondBytes
  for (let bit = 3; bytesLeft > 0; bit += 1) {
    if (bytesLeft % 2 === 1) power = multiply(squarePower(bit), power)
    bytesLeft = Math.floor(bytesLeft / 2)
  }
  return (multiply(power, first) ^ second) >>> 0
}

const polynomial = 0xedb88320
const squarePowers: number[] = []

/** x^(2^n) modulo the polynomial. */
function squarePower(n: number): number {
  if (squarePowers.length === 0) squarePowers.push(0x40000000)
  while (squarePowers.length <= n) {
    const last = squarePowers[squarePowers.length - 1] ?? 0
    squarePowers.push(multiply(last, last))
  }
  return squarePowers[n] ?? 0
}

/** The product of two polynomials modulo the CRC polynomial. */
function multiply(a: number, b: number): number {
  let product = 0
  let shifted = b
  for (let mask = 0x80000000; mask !== 0; mask >>>= 1) {
    if ((a & mask) !== 0) product ^= shifted
    shifted = (shifted & 1) !== 0 ? (shifted >>> 1) ^ polynomial : shifted >>> 1
  }
  return product >>> 0
}
