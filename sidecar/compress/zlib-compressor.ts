import { constants, createDeflateRaw, type DeflateRaw } from 'node:zlib'
import { limits } from '../core/limits.ts'
import type { Compressor } from './compressor.ts'

/**
 * Level 1, because a sidecar takes its CPU from the application beside it: level 6 makes blobs 16 % smaller for twice the CPU. A large memory
 * level is worth 6 to 20 % of the time at level 1.
 */
const options = {
  level: 1,
  memLevel: 9,
  chunkSize: 256 * 1024,
  flush: constants.Z_SYNC_FLUSH,
  // The whole output is there before the callback of a write, however large it is.
  readableHighWaterMark: Number.MAX_SAFE_INTEGER,
}

/** As many as were ever in use at once, at most `limits.compressionsInFlight`. */
const idle: Deflater[] = []

/** The zlib of Node, which is always there. */
export const zlibCompressor: Compressor = {
  engine: 'zlib',
  library: `zlib ${process.versions['zlib'] ?? ''}`.trim(),
  compress: async (rawBytes) => {
    const deflater = idle.pop() ?? new Deflater()
    const piece = await deflater.run(rawBytes)
    // One that failed is not used again.
    if (idle.length < limits.compressionsInFlight) idle.push(deflater)
    return piece
  },
}

/** Keeps its state of 400 KB from one piece to the next, which saves a third of the time of small ones. Does one at a time. */
class Deflater {
  readonly #stream: DeflateRaw = createDeflateRaw(options)
  #parts: Buffer[] = []
  #fail: (error: Error) => void = () => undefined

  constructor() {
    this.#stream.on('data', (part: Buffer) => this.#parts.push(part))
    this.#stream.on('error', (error) => this.#fail(error))
  }

  run(rawBytes: Buffer): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#fail = reject
    this.#stream.write(rawBytes, (error) => {
      if (error) return reject(error)
      const parts = this.#parts
      this.#parts = []
      // The next piece must not refer to this one.
      this.#stream.reset()
      return resolve(ofOwnSize(parts))
    })
    return promise
  }
}

/** A part is a view of memory that later pieces share, and would keep all of it. */
function ofOwnSize(parts: readonly Buffer[]): Buffer {
  const piece = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) offset += part.copy(piece, offset)
  return piece
}
