import type { File, FileSystem, SealedBatch, Sending } from '../core/ports.ts'
import type { Destination } from '../core/destination.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import { crc32Of, gzipHeader, gzipOverheadBytes, gzipTrailer } from '../core/gzip-member.ts'
import { limits } from '../core/limits.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { settledWhenQueued, type Settlement } from '../core/settlement.ts'
import { decodeFrameHeader, frameHeaderBytes, type FileHeader, type Seal } from './format.ts'
import { sliceBytes } from './request-format.ts'
import { framesFrom } from './scan.ts'
import { SequentialReader } from './sequential-reader.ts'

/** What a sealed batch asks of the store that owns its file. */
export type BatchFileOwner = {
  readonly fileSystem: FileSystem
  /** Keeps what must be remembered of its requests, and removes the file. */
  settled(batch: DiskBatch): Promise<void>
  /** Writes it into the file of the batch and makes it durable. */
  writeSending(batch: DiskBatch, sending: Sending): Promise<void>
  repair(batch: DiskBatch): Promise<SealedBatch | undefined>
}

/** Where a finished batch is, and what it says of itself. */
export type BatchPlace = {
  readonly path: string
  readonly fileBytes: number
  readonly framesAt: number
  readonly header: FileHeader
  readonly summary: Seal
  readonly sending: Sending | undefined
}

/** A sealed batch in the journal directory. Holds no open file and no records: a backlog of thousands costs little memory. */
export class DiskBatch implements SealedBatch {
  readonly id: string
  readonly destination: Destination
  readonly settlement: Settlement
  readonly receivedAtMs: number
  readonly replaces: readonly string[]
  readonly path: string
  readonly fileBytes: number
  readonly framesAt: number
  readonly summary: Seal
  readonly #owner: BatchFileOwner
  #sending: Sending | undefined

  constructor(owner: BatchFileOwner, { path, fileBytes, framesAt, header, summary, sending }: BatchPlace) {
    this.#owner = owner
    this.path = path
    this.fileBytes = fileBytes
    this.framesAt = framesAt
    this.id = header.batchId
    this.destination = header.destination
    this.settlement = header.settlement ?? settledWhenQueued
    this.receivedAtMs = header.openedAtMs
    this.replaces = header.replaces ?? []
    this.summary = summary
    this.#sending = sending
  }

  get sending(): Sending | undefined {
    return this.#sending
  }

  get recordCount(): number {
    return this.summary.recordCount
  }

  get rawBytes(): number {
    return this.summary.rawBytes
  }

  get blobBytes(): number {
    return this.summary.payloadBytes + gzipOverheadBytes
  }

  get lastReceivedAtMs(): number | undefined {
    // 0 is what a seal says that does not know.
    return this.summary.lastReceivedAtMs === 0 ? undefined : this.summary.lastReceivedAtMs
  }

  async *read(): AsyncGenerator<Buffer> {
    let file: File
    try {
      file = await this.#owner.fileSystem.open(this.path, 'read')
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') throw this.#corrupt('is gone', error)
      throw this.#unreadable('cannot be opened', error)
    }
    try {
      yield* coalesce(this.#pieces(file))
    } catch (error) {
      throw error instanceof SidecarError ? error : this.#unreadable('cannot be read', error)
    } finally {
      await file.close()
    }
  }

  async *#pieces(file: File): AsyncGenerator<Buffer> {
    yield gzipHeader
    const reader = new SequentialReader(file, this.framesAt)
    for (let sequence = 0; sequence < this.summary.frameCount; sequence += 1) {
      const header = decodeFrameHeader(await reader.take(frameHeaderBytes))
      if (header === undefined || header.sequence !== sequence) throw this.#corrupt(`lost frame ${sequence}`)
      let crc = 0
      let left = header.payloadBytes
      while (left > 0) {
        const piece = await reader.piece(left)
        if (piece.length === 0) throw this.#corrupt(`ends inside frame ${sequence}`)
        crc = crc32Of(piece, crc)
        left -= piece.length
        yield piece
      }
      if (crc !== header.payloadCrc32) throw this.#corrupt(`has a wrong checksum in frame ${sequence}`)
      if (header.requestsBytes > 0) await reader.take(header.requestsBytes)
    }
    yield gzipTrailer(this.summary.rawCrc32, this.summary.rawBytes)
  }

  async recordSending(sending: Sending): Promise<void> {
    await this.#owner.writeSending(this, sending)
    this.#sending = sending
  }

  /** The slices of its requests; of a sealed file only those that were remembered when it was sealed. */
  async slices(): Promise<readonly RequestSlice[]> {
    const { keptSlices, requestsBytes, frameCount } = this.summary
    if (requestsBytes === 0 || keptSlices === 0) return []
    const file = await this.#owner.fileSystem.open(this.path, 'read')
    try {
      const lastFrameAt =
        keptSlices === undefined
          ? this.framesAt
          : this.framesAt +
            frameCount * frameHeaderBytes +
            this.summary.payloadBytes +
            requestsBytes -
            (frameHeaderBytes + keptSlices * sliceBytes)
      const found: RequestSlice[] = []
      for await (const { requests } of framesFrom(file, lastFrameAt)) found.push(...requests)
      return found
    } finally {
      await file.close()
    }
  }

  async remove(): Promise<void> {
    await this.#owner.settled(this)
  }

  async repair(): Promise<SealedBatch | undefined> {
    return this.#owner.repair(this)
  }

  #unreadable(what: string, cause: unknown): SidecarError {
    const message = `The journal file ${this.path} ${what}: ${messageOf(cause)}`
    return new SidecarError('JOURNAL_READ_FAILED', message, { cause })
  }

  #corrupt(what: string, cause?: unknown): SidecarError {
    return new SidecarError('JOURNAL_CORRUPT', `The journal file ${this.path} ${what}.`, { cause })
  }
}

/** Joins small pieces, since each one that is handed on becomes a write to a socket. */
async function* coalesce(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let waitingBytes = 0
  for await (const piece of pieces) {
    waiting.push(piece)
    waitingBytes += piece.length
    if (waitingBytes < limits.readChunkBytes / 4) continue
    yield waiting.length === 1 ? piece : Buffer.concat(waiting, waitingBytes)
    waiting = []
    waitingBytes = 0
  }
  if (waitingBytes > 0) yield Buffer.concat(waiting, waitingBytes)
}
