import assert from 'node:assert/strict'
import type { Clock, File, FileSystem, Frame, OpenBatch } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import {
  encodeFrameHeader,
  encodeSeal,
  frameHeaderBytes,
  type BatchSummary,
  type FileHeader,
} from './format.ts'
import type { DiskBatch } from './sealed-batch.ts'
import { addFrame, emptySummary } from './summary.ts'

/** What an open batch asks of the store that owns its file. */
export type OpenBatchOwner = {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  /** Takes room on the disk, or throws JOURNAL_FULL. */
  reserve(bytesCount: number): void
  release(bytesCount: number): void
  /** The file was sealed under `path`, or removed when `path` is undefined. */
  closed(batch: DiskOpenBatch, path: string | undefined, fileBytes: number): Promise<DiskBatch | undefined>
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
  #summary = emptySummary
  #state: 'appending' | 'sealing' | 'closed' = 'appending'
  #isDirty = true
  /** The last sync that was asked for; a new one waits for it, so that it never reports more than is durable. */
  #syncing: Promise<void> = Promise.resolve()
  #isAppending = false

  constructor(owner: OpenBatchOwner, file: File, path: string, header: FileHeader, framesAt: number) {
    this.#owner = owner
    this.#file = file
    this.#path = path
    this.header = header
    this.framesAt = framesAt
    this.#position = framesAt
  }

  get id(): string {
    return this.header.batchId
  }

  get summary(): BatchSummary {
    return this.#summary
  }

  get path(): string {
    return this.#path
  }

  async append(frame: Frame): Promise<void> {
    assert(this.#state === 'appending')
    assert(!this.#isAppending, 'frames of one batch are written one after the other')
    const frameBytes = frameHeaderBytes + frame.payload.length
    this.#owner.reserve(frameBytes)
    this.#isAppending = true
    try {
      await this.#write([encodeFrameHeader(frame, this.#summary.frameCount), frame.payload], frameBytes)
    } catch (error) {
      this.#owner.release(frameBytes)
      throw error
    } finally {
      this.#isAppending = false
    }
    this.#summary = addFrame(this.#summary, { ...frame, payloadBytes: frame.payload.length })
    this.#owner.wrote(frame)
  }

  /** Makes everything written so far durable. Does nothing when there is nothing new, or when the batch is closed. */
  sync(): Promise<void> {
    this.#syncing = this.#syncing.then(() => this.#syncNow())
    return this.#syncing
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
      await this.sync()
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
    await this.#owner.closed(this, undefined, this.#position)
  }

  /** A file without its seal is as good: it is read once at the next start. So a disk that has no room for it is no error. */
  async #writeSeal(): Promise<void> {
    const seal = encodeSeal(this.#summary)
    try {
      this.#owner.reserve(seal.length)
    } catch {
      return
    }
    try {
      await this.#write([seal], seal.length)
    } catch (error) {
      this.#owner.release(seal.length)
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
