import assert from 'node:assert/strict'
import type { Clock, File, FileSystem, Frame, OpenBatch } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import {
  encodeFrameHeader,
  encodeSeal,
  encodeSealVersion1,
  frameBytesOf,
  type FileHeader,
  type Seal,
} from './format.ts'
import { encodeSlices } from './request-format.ts'
import type { DiskBatch } from './sealed-batch.ts'
import { addFrame, emptySummary } from './summary.ts'

/** What an open batch asks of the store that owns its file. */
export type OpenBatchOwner = {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  /** Takes room on the disk for this batch, or throws JOURNAL_FULL. */
  reserve(bytesCount: number, batchId: string): void
  release(bytesCount: number): void
  /** Resolves when the names of all files made so far are durable. */
  syncNames(): Promise<void>
  /** Whether a later process has to know of the slice. */
  isLive(slice: RequestSlice): boolean
  /** The file was sealed under `path`, or removed when `path` is undefined. */
  closed(batch: DiskOpenBatch, path: string | undefined, fileBytes: number): Promise<DiskBatch | undefined>
  /** The file is to be removed, whatever is in it. */
  discarded(batch: DiskOpenBatch, fileBytes: number): Promise<void>
  fatal(error: SidecarError): void
  wrote(frame: Frame): void
  synced(seconds: number): void
}

/**
 * A journal file that is being written.
 *
 * `appending` until `seal` is called, then `sealing`, then `closed`. A failed write is undone by cutting the file back to
 * the last whole frame; when that fails too, or a sync fails, the process must stop (nobody knows what is on the disk).
 */
export class DiskOpenBatch implements OpenBatch {
  readonly header: FileHeader
  readonly #owner: OpenBatchOwner
  readonly #file: File
  readonly #path: string
  readonly framesAt: number
  #position: number
  #summary: Seal
  /** Slices in the frames that were remembered at the last look; see `#keep`. */
  #kept: RequestSlice[] = []
  #lookAgainAt = 1_000
  #state: 'appending' | 'sealing' | 'closed' = 'appending'
  #isDirty = true
  /** The last sync that was asked for; a new one waits for it, so that it never reports more than is durable. */
  #syncing: Promise<void> = Promise.resolve()
  #isNameDurable = false
  #isAppending = false

  constructor(owner: OpenBatchOwner, file: File, path: string, header: FileHeader, framesAt: number) {
    this.#owner = owner
    this.#file = file
    this.#path = path
    this.header = header
    this.framesAt = framesAt
    this.#position = framesAt
    this.#summary = { ...emptySummary, keptSlices: undefined, lastReceivedAtMs: header.openedAtMs }
  }

  get id(): string {
    return this.header.batchId
  }

  get summary(): Seal {
    return this.#summary
  }

  get path(): string {
    return this.#path
  }

  async append(frame: Frame): Promise<void> {
    assert(this.#state === 'appending')
    await this.#append(frame)
    this.#summary = { ...this.#summary, lastReceivedAtMs: this.#owner.clock.now() }
    this.#keep(frame.requests)
    this.#owner.wrote(frame)
  }

  async #append(frame: Frame): Promise<void> {
    assert(!this.#isAppending, 'frames of one batch are written one after the other')
    assert(this.header.settlement !== undefined || frame.requests.length === 0)
    const requests = encodeSlices(frame.requests)
    const sizes = { payloadBytes: frame.payload.length, requestsBytes: requests.length }
    const frameBytes = frameBytesOf(sizes)
    this.#owner.reserve(frameBytes, this.id)
    this.#isAppending = true
    try {
      const header = encodeFrameHeader(frame, requests, this.#summary.frameCount)
      await this.#write([header, frame.payload, requests], frameBytes)
    } catch (error) {
      this.#owner.release(frameBytes)
      throw error
    } finally {
      this.#isAppending = false
    }
    this.#summary = { ...this.#summary, ...addFrame(this.#summary, { ...frame, ...sizes }) }
  }

  /** What is forgotten meanwhile is let go whenever the list has doubled, so that it stays in proportion to what is remembered. */
  #keep(slices: readonly RequestSlice[]): void {
    for (const slice of slices) this.#kept.push(slice)
    if (this.#kept.length < this.#lookAgainAt) return
    this.#kept = this.#kept.filter((slice) => this.#owner.isLive(slice))
    this.#lookAgainAt = Math.max(1_000, 2 * this.#kept.length)
  }

  /** Makes everything written so far durable, with the name of the file. Does nothing when there is nothing new. */
  async sync(): Promise<void> {
    this.#syncing = this.#syncing.then(() => this.#syncNow())
    await this.#syncing
    if (this.#isNameDurable) return
    await this.#owner.syncNames()
    this.#isNameDurable = true
  }

  async #syncNow(): Promise<void> {
    if (!this.#isDirty || this.#state === 'closed') return
    this.#isDirty = false
    const startedAt = this.#owner.clock.monotonic()
    try {
      await this.#file.sync()
    } catch (error) {
      throw this.#fatal('JOURNAL_SYNC_FAILED', 'could not be synced to the disk', error)
    }
    this.#owner.synced((this.#owner.clock.monotonic() - startedAt) / 1000)
  }

  async seal(): Promise<DiskBatch | undefined> {
    assert(!this.#isAppending)
    assert(this.#state !== 'closed')
    this.#state = 'sealing'
    const isEmpty = this.#summary.frameCount === 0
    if (!isEmpty) {
      await this.#writeSeal()
      this.#syncing = this.#syncing.then(() => this.#syncNow())
      await this.#syncing
    }
    this.#state = 'closed'
    // What was written is synced already, so a failing close takes nothing away.
    await this.#file.close().catch(() => undefined)
    return this.#owner.closed(this, isEmpty ? undefined : this.#path, this.#position)
  }

  /** Removes the batch with all that is in it: a copy that could not be finished. */
  async discard(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    await this.#file.close().catch(() => undefined)
    await this.#owner.discarded(this, this.#position)
  }

  /**
   * A file without its seal is as good: it is read once at the next start. So a disk that has no room for it is no error. Nor does it need the
   * kept slices, which are in its frames too.
   */
  async #writeSeal(): Promise<void> {
    const kept = this.#kept.filter((slice) => this.#owner.isLive(slice))
    this.#kept = []
    try {
      if (kept.length > 0) await this.#append(keptFrame(kept))
      const seal = { ...this.#summary, keptSlices: kept.length }
      const bytes = this.header.settlement === undefined ? encodeSealVersion1(seal) : encodeSeal(seal)
      this.#owner.reserve(bytes.length, this.id)
      try {
        await this.#write([bytes], bytes.length)
      } catch (error) {
        this.#owner.release(bytes.length)
        throw error
      }
      this.#summary = seal
    } catch (error) {
      if (!(error instanceof SidecarError) || error.disposition === 'fatal') throw error
    }
  }

  async #write(buffers: readonly Buffer[], bytesCount: number): Promise<void> {
    this.#isDirty = true
    try {
      await this.#file.write(buffers, this.#position)
      // Again: a sync that ran during the write did not cover it.
      this.#isDirty = true
      this.#position += bytesCount
    } catch (error) {
      await this.#undoWrite()
      const full = systemCodeOf(error) === 'ENOSPC' ? ' Free some space; senders are told to try again.' : ''
      const message = `Writing to ${this.#path} failed: ${messageOf(error)}.${full}`
      throw new SidecarError('JOURNAL_WRITE_FAILED', message, { cause: error })
    }
  }

  async #undoWrite(): Promise<void> {
    try {
      await this.#file.truncate(this.#position)
    } catch (error) {
      throw this.#fatal('JOURNAL_BROKEN', 'could not be cut back after a failed write', error)
    }
  }

  #fatal(code: 'JOURNAL_SYNC_FAILED' | 'JOURNAL_BROKEN', what: string, cause: unknown): SidecarError {
    const message = `The journal file ${this.#path} ${what}: ${messageOf(cause)}. The process stops, since it no longer knows what is on the disk. Check the disk, then start again: what is whole in the journal is delivered.`
    const error = new SidecarError(code, message, { cause })
    this.#owner.fatal(error)
    return error
  }
}

/** No records: only what a later process has to know when the batch is settled. */
function keptFrame(requests: readonly RequestSlice[]): Frame {
  return { recordCount: 0, rawBytes: 0, rawCrc32: 0, payload: Buffer.alloc(0), requests }
}
