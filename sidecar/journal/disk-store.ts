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
  SealedBatch,
  Sending,
  Timer,
} from '../core/ports.ts'
import { isCheckpointBatch } from '../core/batch-id.ts'
import type { Destination, TargetPurpose } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { settledWhenQueued, type Settlement } from '../core/settlement.ts'
import { takeCopy } from './copied-directory.ts'
import { createFile } from './create-file.ts'
import { DirectorySync } from './directory-sync.ts'
import type { DiskStoreOptions } from './disk-store-options.ts'
import { DiskUsage } from './disk-usage.ts'
import { encodeFileHeader, type FileHeader } from './format.ts'
import { batchFileName, idFromName, openSuffix, sealedSuffix } from './file-names.ts'
import { DiskOpenBatch, type OpenBatchOwner } from './open-batch.ts'
import { recoverDirectory, repairFile, slicesOf } from './recovery.ts'
import { DiskBatch, type BatchFileOwner, type BatchPlace } from './sealed-batch.ts'
import { writeSending } from './sending-slots.ts'
import { Sequences } from './sequences.ts'
import { SettledKeys } from './settled-keys.ts'
import { VoidBatches } from './void-batches.ts'
import { WriterEpoch } from './writer-epoch.ts'
import { nextIdentity, type WriterIdentity } from './writer-identity.ts'

export class DiskStore implements BatchStore, OpenBatchOwner, BatchFileOwner {
  readonly isDurable = true
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly isCopy: boolean
  readonly #options: DiskStoreOptions
  readonly #lock: DirectoryLock
  readonly #epoch: WriterEpoch
  readonly #open = new Set<DiskOpenBatch>()
  readonly #usage: DiskUsage
  readonly #names: DirectorySync
  readonly #settledKeys: SettledKeys | undefined
  readonly #sequences = new Sequences()
  readonly #voids: VoidBatches
  #syncTimer: Timer | undefined
  #syncRun: Promise<void> = Promise.resolve()
  /** The ledger knows what earlier processes stored. */
  #isRestored = false
  #isClosed = false

  /** Takes the directory. Rejects with JOURNAL_LOCKED, JOURNAL_COPIED, JOURNAL_VERSION_UNSUPPORTED, JOURNAL_BROKEN or PROCESS_START_FAILED. */
  static async start(options: DiskStoreOptions): Promise<DiskStore> {
    const { fileSystem, directory, random } = options
    let lock: DirectoryLock | undefined
    try {
      await fileSystem.makeDirectory(directory)
      lock = await fileSystem.lock(directory)
      let isCopy = false
      const identity = await nextIdentity(fileSystem, directory, random, async () => {
        await takeCopy(options)
        isCopy = true
      })
      const store = new DiskStore(options, lock, identity, isCopy)
      store.#scheduleSync()
      return store
    } catch (error) {
      await lock?.release()
      if (error instanceof SidecarError) throw error
      const message = `The journal directory ${directory} cannot be used: ${messageOf(error)}. It must be a writable directory on a local disk.`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
  }

  private constructor(
    options: DiskStoreOptions,
    lock: DirectoryLock,
    identity: WriterIdentity,
    isCopy: boolean,
  ) {
    this.#options = options
    this.isCopy = isCopy
    this.#lock = lock
    this.#epoch = new WriterEpoch(options, identity)
    this.fileSystem = options.fileSystem
    this.clock = options.clock
    const { directory, maxDiskBytes, metrics } = options
    const onFatal = (error: SidecarError) => this.fatal(error)
    this.#usage = new DiskUsage({
      directory,
      maxBytes: maxDiskBytes,
      onChange: (bytes) => metrics.journalBytes.set(bytes),
    })
    this.#names = new DirectorySync({
      ...options,
      onPostponed: (error) =>
        this.warn(
          'journal.sync_postponed',
          `The journal directory could not be opened: ${messageOf(error)}`,
          error,
        ),
      onFatal,
    })
    this.#voids = new VoidBatches(options.checkpoints, { isCopy, writer: identity.writer })
    const { ledger } = options
    this.#settledKeys = ledger && new SettledKeys({ ...options, ledger, onFatal, store: this })
  }

  /** What earlier processes left behind, oldest first. Called once, before the first batch is opened. */
  async recover(): Promise<SealedBatch[]> {
    const { directory, log, metrics } = this.#options
    try {
      // Before the batches, since a repair may open one and so make files.
      const names = await this.fileSystem.list(directory)
      const settled = (await this.#settledKeys?.recover(names)) ?? []
      const keyBytes = this.#usage.bytes
      const found = await recoverDirectory(this, { directory, log, metrics })
      const batches = found.map(({ batch }) => batch)
      // What repairs took is counted already.
      this.#usage.count(batches.reduce((sum, batch) => sum + batch.fileBytes, keyBytes - this.#usage.bytes))
      const { ledger, dedupMaxKeys } = this.#options
      ledger?.restore([...settled, ...(await slicesOf(found, dedupMaxKeys))])
      this.#isRestored = true
      return batches
    } catch (error) {
      if (error instanceof SidecarError) throw error
      const message = `The journal directory ${directory} cannot be read: ${messageOf(error)}. Check the permissions and the disk; nothing was deleted.`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
  }

  /** Writes the checkpoint rows of what was found empty or lost. Called once, after the start. Rejects when the process stops before. */
  settleVoids(): Promise<void> {
    return this.#voids.endFound()
  }

  async open(
    destination: Destination,
    settlement: Settlement = settledWhenQueued,
    purpose: TargetPurpose = 'records',
    replaces: readonly string[] = [],
  ): Promise<DiskOpenBatch> {
    const sequence = this.#sequences.take(purpose)
    const header: FileHeader = {
      batchId: this.#epoch.batchId(sequence),
      destination,
      openedAtMs: this.clock.now(),
      // Only what an older program does not know makes a file that it refuses.
      ...(settlement.isPolled || this.#options.ledger !== undefined ? { settlement } : {}),
      ...(replaces.length === 0 ? {} : { replaces }),
    }
    const name = batchFileName(this.#epoch.identity.epoch, sequence, destination)
    const path = `${this.#options.directory}/${name}${openSuffix}`
    const bytes = encodeFileHeader(header)
    // A number is given back as long as there is no file with it, so that it is not missing in the checkpoint table.
    const giveBack = () => this.#sequences.giveBack(purpose, sequence)
    try {
      this.reserve(bytes.length, header.batchId)
    } catch (error) {
      giveBack()
      throw error
    }
    try {
      const before = () => this.#epoch.claim()
      const file = await createFile(this.fileSystem, path, bytes, { before, onAbsent: giveBack })
      const batch = new DiskOpenBatch(this, file, path, header, bytes.length)
      this.#open.add(batch)
      this.#names.changed()
      return batch
    } catch (error) {
      this.release(bytes.length)
      const message = `The journal file ${path} could not be made: ${messageOf(error)}. Senders are told to try again.`
      throw new SidecarError('JOURNAL_WRITE_FAILED', message, { cause: error })
    }
  }

  async closed(
    batch: DiskOpenBatch,
    path: string | undefined,
    fileBytes: number,
  ): Promise<DiskBatch | undefined> {
    this.#open.delete(batch)
    if (path === undefined) {
      this.release(fileBytes)
      await this.#voids.empty(batch.header, () => this.#remove(batch.path))
      return undefined
    }
    const { framesAt, header, summary } = batch
    return this.adopt({ path, fileBytes, framesAt, header, summary, sending: undefined })
  }

  async discarded(batch: DiskOpenBatch, fileBytes: number): Promise<void> {
    this.#open.delete(batch)
    // At once: what is in it must never be delivered.
    await this.forget(batch.path, fileBytes)
    await this.#voids.empty(batch.header)
  }

  openInPlaceOf({ batchId, replaces = [], destination, settlement }: FileHeader): Promise<DiskOpenBatch> {
    const purpose = isCheckpointBatch(batchId) ? 'checkpoint' : 'records'
    const replaced = [...replaces, batchId].filter((id) => this.#voids.isOurs(id))
    return this.open(destination, settlement, purpose, replaced)
  }

  foundVoid(path: string, header: FileHeader | undefined, wasEmpty: boolean): Promise<void> {
    const removeFile = () => (wasEmpty ? this.#remove(path) : Promise.resolve())
    const writer = this.isCopy ? '' : this.#epoch.identity.writer
    const found = header ?? { batchId: idFromName(writer, path) }
    return wasEmpty ? this.#voids.empty(found, removeFile) : this.#voids.lost(found)
  }

  /** Gives a finished file its sealed name. When that fails the file is good under its old name too. */
  async adopt(place: BatchPlace): Promise<DiskBatch> {
    const { path } = place
    if (!path.endsWith(openSuffix)) return new DiskBatch(this, place)
    const sealedPath = path.slice(0, -openSuffix.length) + sealedSuffix
    try {
      await this.fileSystem.rename(path, sealedPath)
    } catch (error) {
      this.warn('journal.rename_failed', `${path} could not be renamed: ${messageOf(error)}`, error)
      return new DiskBatch(this, place)
    }
    await this.#names.sync()
    return new DiskBatch(this, { ...place, path: sealedPath })
  }

  async settled(batch: DiskBatch): Promise<void> {
    await this.#settledKeys?.keep(batch)
    await this.forget(batch.path, batch.fileBytes)
  }

  /** A file that cannot be removed is delivered again after the next start; better twice than never. */
  async forget(path: string, fileBytes: number): Promise<void> {
    this.release(fileBytes)
    await this.#remove(path)
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.fileSystem.remove(path)
      this.#names.changed()
    } catch (error) {
      const message = `${path} is settled but could not be removed: ${messageOf(error)}`
      this.warn('journal.remove_failed', message, error)
    }
  }

  writeSending(batch: DiskBatch, sending: Sending): Promise<void> {
    return writeSending(this.fileSystem, batch, sending, (error) => this.fatal(error))
  }

  async repair(batch: DiskBatch): Promise<SealedBatch | undefined> {
    const { log, metrics } = this.#options
    const repaired = await repairFile(this, batch.path, { log, metrics })
    this.release(batch.fileBytes)
    const { id: batchId, destination, settlement, replaces } = batch
    if (repaired === undefined) await this.#voids.lost({ batchId, destination, settlement, replaces })
    return repaired
  }

  ensureRoom(bytesCount: number): void {
    this.#usage.ensureRoom(bytesCount)
  }

  /** Checkpoint rows are let in beyond the limit: a file goes for each, and they count for the records after them. */
  reserve(bytesCount: number, batchId: string): void {
    if (isCheckpointBatch(batchId)) this.#usage.count(bytesCount)
    else this.#usage.reserve(bytesCount)
  }

  release(bytesCount: number): void {
    this.#usage.count(-bytesCount)
  }

  syncNames(): Promise<void> {
    return this.#names.sync()
  }

  /** Of what is copied before the ledger knows anything, all is. */
  isLive(slice: RequestSlice): boolean {
    const { ledger } = this.#options
    return ledger !== undefined && (!this.#isRestored || ledger.isLive(slice))
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
    this.#names.close()
    await this.#syncRun
    await this.#syncAll()
    await this.#settledKeys?.close()
    await this.#lock.release()
  }

  countBytes(bytesCount: number): void {
    this.#usage.count(bytesCount)
  }

  nextKeySegment(): Promise<string> {
    return this.#epoch.nextKeySegment()
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
      await this.#names.syncIfChanged()
    } catch (error) {
      const fields = { event: 'journal.sync_failed', code: codeOf(error) }
      if (error instanceof SidecarError && error.disposition === 'retry')
        this.#options.log.warn(fields, messageOf(error))
      else this.#options.log.fatal(fields, messageOf(error))
    }
  }

  warn(event: string, message: string, error: unknown): void {
    this.#options.metrics.journalErrors.inc({ code: 'JOURNAL_WRITE_FAILED' })
    this.#options.log.warn({ event, code: codeOf(error) }, message)
  }
}
