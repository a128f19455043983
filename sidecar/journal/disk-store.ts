/**
 * The journal directory: opens, seals and forgets batch files, keeps count of the disk, and syncs what is written.
 *
 * It promises: what `append` of a batch resolved for survives the death of the process, and the death of the machine once it
 * is older than `syncIntervalMs`. It never deletes a batch that was not settled.
 */
import type {
  BatchStore,
  Clock,
  DirectoryLock,
  FileSystem,
  Frame,
  Random,
  SealedBatch,
  Timer,
} from '../core/ports.ts'
import type { Destination } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf, systemCodeOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { encodeFileHeader, type FileHeader } from './format.ts'
import { batchFileName, openSuffix, sealedSuffix } from './file-names.ts'
import { DiskOpenBatch, type OpenBatchOwner } from './open-batch.ts'
import { recoverDirectory, repairFile } from './recovery.ts'
import { DiskBatch, type BatchFileOwner } from './sealed-batch.ts'
import { nextIdentity, writeIdentity, type WriterIdentity } from './writer-identity.ts'

export type DiskStoreOptions = {
  readonly directory: string
  readonly maxDiskBytes: number
  readonly syncIntervalMs: number
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Called when promises can no longer be kept; the process must stop. */
  readonly onFatal: (error: SidecarError) => void
}

export class DiskStore implements BatchStore, OpenBatchOwner, BatchFileOwner {
  readonly isDurable = true
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly #options: DiskStoreOptions
  readonly #lock: DirectoryLock
  readonly #identity: WriterIdentity
  /** Told apart from every other start, also from that of a copied directory, which has the same writer and epoch. */
  readonly #nonce: string
  #claiming: Promise<void> | undefined
  readonly #open = new Set<DiskOpenBatch>()
  #bytes = 0
  #sequence = 0
  #isDirectoryDirty = false
  #syncTimer: Timer | undefined
  #syncRun: Promise<void> = Promise.resolve()
  #isClosed = false

  /** Takes the directory. Rejects with JOURNAL_LOCKED, JOURNAL_VERSION_UNSUPPORTED, JOURNAL_BROKEN or PROCESS_START_FAILED. */
  static async start(options: DiskStoreOptions): Promise<DiskStore> {
    const { fileSystem, directory, random } = options
    let lock: DirectoryLock | undefined
    try {
      await fileSystem.makeDirectory(directory)
      lock = await fileSystem.lock(directory)
      const store = new DiskStore(options, lock, await nextIdentity(fileSystem, directory, random))
      store.#scheduleSync()
      return store
    } catch (error) {
      await lock?.release()
      if (error instanceof SidecarError) throw error
      const message = `The journal directory ${directory} cannot be used: ${messageOf(error)}. It must be a writable directory on a local disk.`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
  }

  private constructor(options: DiskStoreOptions, lock: DirectoryLock, identity: WriterIdentity) {
    this.#options = options
    this.#lock = lock
    this.#identity = identity
    this.#nonce = options.random.hex(4)
    this.fileSystem = options.fileSystem
    this.clock = options.clock
  }

  /** What earlier processes left behind, oldest first. Called once, before the first batch is opened. */
  async recover(): Promise<SealedBatch[]> {
    const { directory, log, metrics } = this.#options
    const batches = await recoverDirectory(this, { directory, log, metrics }).catch((error: unknown) => {
      if (error instanceof SidecarError) throw error
      const message = `The journal directory ${directory} cannot be read: ${messageOf(error)}. Check the permissions and the disk; nothing was deleted.`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    })
    this.#count(batches.reduce((sum, batch) => sum + batch.fileBytes, -this.#bytes))
    return batches
  }

  async open(destination: Destination): Promise<DiskOpenBatch> {
    const sequence = this.#sequence
    this.#sequence += 1
    const { writer, epoch } = this.#identity
    const header: FileHeader = {
      batchId: `${writer}:${epoch}.${this.#nonce}:${sequence}`,
      destination,
      openedAtMs: this.clock.now(),
    }
    const path = `${this.#options.directory}/${batchFileName(epoch, sequence, destination)}${openSuffix}`
    const bytes = encodeFileHeader(header)
    this.reserve(bytes.length)
    try {
      await this.#claimEpoch()
      const file = await this.fileSystem.open(path, 'create')
      try {
        await file.write([bytes], 0)
      } catch (error) {
        await file.close()
        await this.fileSystem.remove(path)
        throw error
      }
      const batch = new DiskOpenBatch(this, file, path, header, bytes.length)
      this.#open.add(batch)
      this.#isDirectoryDirty = true
      return batch
    } catch (error) {
      this.release(bytes.length)
      const message = `The journal file ${path} could not be made: ${messageOf(error)}. Senders are told to try again.`
      throw new SidecarError('JOURNAL_WRITE_FAILED', message, { cause: error })
    }
  }

  /** Only now, and not at start: a full disk must not keep a process from delivering what fills it. */
  async #claimEpoch(): Promise<void> {
    this.#claiming ??= writeIdentity(this.fileSystem, this.#options.directory, this.#identity).catch(
      (error: unknown) => {
        this.#claiming = undefined
        throw error
      },
    )
    await this.#claiming
  }

  async closed(
    batch: DiskOpenBatch,
    path: string | undefined,
    fileBytes: number,
  ): Promise<DiskBatch | undefined> {
    this.#open.delete(batch)
    if (path === undefined) {
      await this.forget(batch.path, fileBytes)
      return undefined
    }
    return this.adopt(path, fileBytes, batch.framesAt, batch.header, batch.summary)
  }

  /** Gives a finished file its sealed name. When that fails the file is good under its old name too. */
  async adopt(
    path: string,
    fileBytes: number,
    framesAt: number,
    header: FileHeader,
    summary: DiskBatch['summary'],
  ): Promise<DiskBatch> {
    let finalPath = path
    if (path.endsWith(openSuffix)) {
      const sealedPath = path.slice(0, -openSuffix.length) + sealedSuffix
      try {
        await this.fileSystem.rename(path, sealedPath)
        finalPath = sealedPath
        await this.#syncDirectory()
      } catch (error) {
        if (error instanceof SidecarError) throw error
        this.#warn('journal.rename_failed', `${path} could not be renamed: ${messageOf(error)}`, error)
      }
    }
    return new DiskBatch(this, { path: finalPath, fileBytes, framesAt }, header, summary)
  }

  /** A file that cannot be removed is delivered again after the next start; better twice than never. */
  async forget(path: string, fileBytes: number): Promise<void> {
    this.release(fileBytes)
    try {
      await this.fileSystem.remove(path)
      this.#isDirectoryDirty = true
    } catch (error) {
      this.#warn(
        'journal.remove_failed',
        `${path} is settled but could not be removed: ${messageOf(error)}`,
        error,
      )
    }
  }

  async repair(batch: DiskBatch): Promise<SealedBatch | undefined> {
    const { log, metrics } = this.#options
    const repaired = await repairFile(this, batch.path, { log, metrics })
    this.release(batch.fileBytes)
    return repaired
  }

  /** An empty journal takes anything, or what is larger than the limit could never even be tried. */
  ensureRoom(bytesCount: number): void {
    if (this.#bytes > 0) this.#ensureBelowLimit(bytesCount)
  }

  reserve(bytesCount: number): void {
    this.#ensureBelowLimit(bytesCount)
    this.#count(bytesCount)
  }

  #ensureBelowLimit(bytesCount: number): void {
    if (this.#bytes + bytesCount > this.#options.maxDiskBytes) {
      const message = `The journal ${this.#options.directory} is full (it holds ${this.#bytes} bytes, ${bytesCount} more might be needed, and journal.max_disk_mb is ${this.#options.maxDiskBytes} bytes). Senders are told to try again until Kusto takes batches.`
      throw new SidecarError('JOURNAL_FULL', message)
    }
  }

  release(bytesCount: number): void {
    this.#count(-bytesCount)
  }

  wrote(frame: Frame): void {
    this.#options.metrics.journalFrames.inc()
    this.#options.metrics.journalFrameBytes.inc(frame.payload.length)
  }

  synced(seconds: number): void {
    this.#options.metrics.journalSyncSeconds.observe(seconds)
  }

  fatal(error: SidecarError): void {
    this.#options.metrics.journalErrors.inc({ code: error.code })
    this.#options.onFatal(error)
  }

  /** Syncs what is written and gives the directory back. Open batches stay as they are, for the next start to find. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#syncTimer?.cancel()
    await this.#syncRun
    await this.#syncAll()
    await this.#lock.release()
  }

  #count(bytesCount: number): void {
    this.#bytes += bytesCount
    this.#options.metrics.journalBytes.set(this.#bytes)
  }

  #scheduleSync(): void {
    this.#syncTimer = this.clock.after(this.#options.syncIntervalMs, () => {
      this.#syncRun = this.#syncAll().then(() => {
        if (!this.#isClosed) this.#scheduleSync()
      })
    })
  }

  /** Never rejects: an error here has already been handed to `onFatal`. */
  async #syncAll(): Promise<void> {
    try {
      await Promise.all([...this.#open].map((batch) => batch.sync()))
      if (this.#isDirectoryDirty) await this.#syncDirectory()
    } catch (error) {
      this.#options.log.fatal({ event: 'journal.sync_failed', code: codeOf(error) }, messageOf(error))
    }
  }

  async #syncDirectory(): Promise<void> {
    this.#isDirectoryDirty = false
    try {
      await this.fileSystem.syncDirectory(this.#options.directory)
    } catch (cause) {
      if (isOutOfDescriptors(cause)) {
        // Nothing was synced and nothing is lost: it is done again at the next interval.
        this.#isDirectoryDirty = true
        this.#warn(
          'journal.sync_postponed',
          `The journal directory could not be opened: ${messageOf(cause)}`,
          cause,
        )
        return
      }
      const message = `The journal directory ${this.#options.directory} could not be synced: ${messageOf(cause)}. The process stops.`
      const error = new SidecarError('JOURNAL_SYNC_FAILED', message, { cause })
      this.fatal(error)
      throw error
    }
  }

  #warn(event: string, message: string, error: unknown): void {
    this.#options.metrics.journalErrors.inc({ code: 'JOURNAL_WRITE_FAILED' })
    this.#options.log.warn({ event, code: codeOf(error) }, message)
  }
}

function isOutOfDescriptors(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(systemCodeOf(error) ?? '')
}
