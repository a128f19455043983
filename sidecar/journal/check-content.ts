import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createInflateRaw } from 'node:zlib'
import type { File } from '../core/ports.ts'
import { messageOf } from '../core/errors.ts'
import { crc32Of } from '../core/gzip-member.ts'
import type { FramePlace } from './scan.ts'
import { SequentialReader } from './sequential-reader.ts'

const newline = 10

/**
 * Inflates the payload of a frame and compares it with what the header of the frame says. Resolves with what is wrong, or undefined. Nothing
 * of it is kept: a payload may hold any number of bytes.
 */
export async function checkContent(
  file: File,
  { header, payloadAt }: FramePlace,
): Promise<string | undefined> {
  let [rawBytes, crc, lines, last] = [0, 0, 0, newline]
  // Payloads end with a flush and not with the end of a stream.
  const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH })
  const source = Readable.from(payloadOf(file, payloadAt, header.payloadBytes))
  try {
    await pipeline(source, inflate, async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) {
        rawBytes += piece.length
        if (rawBytes > header.rawBytes) break
        crc = crc32Of(piece, crc)
        last = piece.at(-1) ?? last
        for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, at + 1)) lines += 1
      }
    })
  } catch (error) {
    if (!isZlibError(error)) throw error
    return `its payload cannot be decompressed (${messageOf(error)})`
  }
  if (rawBytes !== header.rawBytes) {
    const found = rawBytes > header.rawBytes ? 'more' : rawBytes
    return `its payload has ${found} bytes when decompressed, and its header says ${header.rawBytes}`
  }
  if (crc !== header.rawCrc32) return 'its records have another checksum than its header says'
  if (lines !== header.recordCount || last !== newline)
    return `its payload has ${lines} lines, and its header says ${header.recordCount}`
  return undefined
}

async function* payloadOf(file: File, payloadAt: number, payloadBytes: number): AsyncGenerator<Buffer> {
  const reader = new SequentialReader(file, payloadAt)
  let left = payloadBytes
  while (left > 0) {
    const piece = await reader.piece(left)
    if (piece.length === 0) return
    left -= piece.length
    yield piece
  }
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}
