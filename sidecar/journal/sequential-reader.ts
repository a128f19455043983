import type { File } from '../core/ports.ts'
import { limits } from '../core/limits.ts'

/** Reads a file from front to back in large chunks, and hands out parts of them. */
export class SequentialReader {
  readonly #file: File
  #chunk = Buffer.alloc(0)
  #chunkOffset = 0
  /** Where the next chunk starts in the file. */
  #nextChunkAt: number

  constructor(file: File, position: number) {
    this.#file = file
    this.#nextChunkAt = position
  }

  /** Exactly `bytesCount` bytes, fewer only at the end of the file. */
  async take(bytesCount: number): Promise<Buffer> {
    const first = await this.piece(bytesCount)
    if (first.length === bytesCount || first.length === 0) return first
    const parts = [first]
    let missing = bytesCount - first.length
    while (missing > 0) {
      const part = await this.piece(missing)
      if (part.length === 0) break
      parts.push(part)
      missing -= part.length
    }
    return Buffer.concat(parts)
  }

  /** Up to `maxBytes` bytes without copying, at least one; empty at the end of the file. */
  async piece(maxBytes: number): Promise<Buffer> {
    if (this.#chunkOffset === this.#chunk.length) await this.#readChunk()
    const piece = this.#chunk.subarray(this.#chunkOffset, this.#chunkOffset + maxBytes)
    this.#chunkOffset += piece.length
    return piece
  }

  /** A new buffer each time, since the pieces of the last one may still be on their way to a socket. */
  async #readChunk(): Promise<void> {
    const buffer = Buffer.allocUnsafe(limits.readChunkBytes)
    const bytesRead = await this.#file.read(buffer, this.#nextChunkAt)
    this.#chunk = buffer.subarray(0, bytesRead)
    this.#chunkOffset = 0
    this.#nextChunkAt += bytesRead
  }
}
