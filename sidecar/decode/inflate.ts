import { gunzip, inflate, inflateRaw, zstdDecompress, type Zlib } from 'node:zlib'
import { codeOf } from '../core/errors.ts'
import { brokenEncoding, zlibErrorOf } from './encoding-errors.ts'

/** Output is collected in pieces of up to this size: with Node's 16 KB, a body of 32 MB would be 2,000 of them. */
const OUTPUT_PIECE_MAX_BYTES = 256 * 1024
/** Up to this, room for the whole output is taken at once. */
const OUTPUT_WHOLE_MAX_BYTES = 8 * 1024 * 1024
const OUTPUT_PIECE_MIN_BYTES = 4 * 1024

type Options = { readonly info: true; readonly chunkSize: number; readonly maxOutputLength: number }

type Method = (
  input: Buffer,
  options: Options,
  callback: (error: Error | null, result: Buffer) => void,
) => void

/** What the option `info` makes of the result: `bytesWritten` is how much of the input was used. */
type Info = { readonly buffer: Buffer; readonly engine: Zlib }

/** Undoes gzip, also of several members. Rejects with HTTP_ENCODING_BROKEN or HTTP_BODY_TOO_LARGE, like all here. */
export function gunzipBody(body: Buffer, maxBytes: number): Promise<Buffer> {
  return undo(gunzip, 'gzip', body, maxBytes, gzipOutputBytes(body))
}

/**
 * What the end of a gzip member says about its length (RFC 1952, ISIZE): with room for that much and one byte, which tells that it ends there, the output is one
 * piece, and is not put together. Anybody may write anything there, so it is believed within bounds only.
 */
function gzipOutputBytes(body: Buffer): number {
  const said = body.length < 18 ? 0 : body.readUInt32LE(body.length - 4) + 1
  const isLikely = said > OUTPUT_PIECE_MAX_BYTES && said <= Math.min(OUTPUT_WHOLE_MAX_BYTES, body.length * 20)
  return isLikely ? said : outputPieceBytes(body.length)
}

/**
 * Undoes `deflate`, which is zlib by the book (RFC 9110) and raw deflate from some senders. What looks like the header of zlib would
 * be a stored block with padding that is not zero if it were raw, which no encoder writes, but a decoder takes: so raw is tried
 * when zlib fails. The error is then that of zlib.
 */
export async function inflateBody(body: Buffer, maxBytes: number): Promise<Buffer> {
  if (!hasZlibHeader(body)) return undo(inflateRaw, 'deflate', body, maxBytes)
  try {
    return await undo(inflate, 'deflate', body, maxBytes)
  } catch (error) {
    if (codeOf(error) !== 'HTTP_ENCODING_BROKEN') throw error
    return undo(inflateRaw, 'deflate', body, maxBytes).catch(() => Promise.reject(error))
  }
}

/**
 * Undoes one frame of zstd; Node ignores those after it. A frame that asks for a window over 128 MB is refused by Node. Below that
 * the window costs only the memory that output fills, so `maxBytes` bounds it.
 */
export function unzstdFrame(frame: Buffer, maxBytes: number): Promise<Buffer> {
  return undo(zstdDecompress, 'zstd', frame, maxBytes)
}

/** RFC 1950: deflate with a window of up to 32 KB, and a checksum over both bytes. */
function hasZlibHeader(body: Buffer): boolean {
  const [method = 0, flags = 0] = body
  return (method & 0x0f) === 8 && method >> 4 <= 7 && ((method << 8) | flags) % 31 === 0
}

/**
 * Stops as soon as the output passes `maxBytes`. Zero bytes after the end are padding, as gzip has it. Anything else that follows
 * makes the body broken: Node would drop it without a word, and it may be records.
 */
function undo(
  method: Method,
  encoding: string,
  body: Buffer,
  maxBytes: number,
  chunkSize = outputPieceBytes(body.length),
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const options = {
    info: true as const,
    chunkSize,
    maxOutputLength: Math.max(1, maxBytes),
  }
  method(body, options, (error, result) => {
    if (error !== null) return reject(zlibErrorOf(encoding, maxBytes, error))
    const { buffer, engine } = result as unknown as Info
    const rest = body.subarray(engine.bytesWritten)
    if (rest.some((byte) => byte !== 0))
      return reject(brokenEncoding(encoding, followedBy(engine.bytesWritten)))
    resolve(buffer)
  })
  return promise
}

function followedBy(end: number): string {
  return `something follows its end at byte ${end}`
}

/** A short output keeps its whole piece in memory, so a short input gets small ones. */
function outputPieceBytes(inputBytes: number): number {
  return Math.min(OUTPUT_PIECE_MAX_BYTES, Math.max(OUTPUT_PIECE_MIN_BYTES, 8 * inputBytes))
}
