/**
 * Keeps records that can never be delivered, in files of NDJSON, one line for each with the reason and the original bytes.
 *
 * It promises: what `keep` resolved for is synced to the disk. When the directory is full `keep` rejects, so that senders are told to
 * come again; only with `evict_oldest` are whole files removed instead, the oldest first. A person may move or delete files at any
 * time: none is held open between two writes.
 */
import type { Clock, DeadLetter, DeadLetterSink, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { Semaphore } from '../core/semaphore.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { CurrentFile } from './current-file.ts'
import { encodeLetters } from './encode-letters.ts'
import { evictOldest } from './evict-oldest.ts'
import { fileSuffix, letterFiles } from './letter-files.ts'
import { Replay, type ReplayResult, type Take } from './replay.ts'
import type { ReplayFilter } from './replay-filter.ts'
import { unreadable } from './read-letters.ts'
import { type ReadPart, removeLines, rewriteSuffix } from './rewrite-file.ts'

export type DeadLetterStoreOptions = {
  /** Of this sidecar alone: another process that writes to it could lose what it writes during a replay. */
  readonly directory: string
  readonly maxDiskBytes: number
  readonly whenFull: 'backpressure' | 'evict_oldest'
  /** How long after the pipeline took a replayed letter it survives a power cut: not before is the letter removed here. */
  readonly takenIsDurableAfterMs: number
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** A file is ended at about this size, so that a person can open it; earlier when few would fit, so that eviction takes little. */
const fileMaxBytes = 64 * 1024 * 1024
const filesAtLeast = 8

/** How long `close` waits for letters that are in work. */
const replayGraceMs = 2_000

type Waiting = { readonly bytes: Buffer; readonly done: PromiseWithResolvers<void> }

export class DeadLetterStore implements DeadLetterSink {
  readonly #options: DeadLetterStoreOptions
  readonly #current: CurrentFile
  /** One change of the directory at a time. */
  readonly #disk = new Semaphore(1)
  #waiting: Waiting[] = []
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  #bytesCount = 0
  #replay: { readonly pass: Replay; readonly ended: Promise<unknown> } | undefined

  constructor(options: DeadLetterStoreOptions) {
    this.#options = options
    const maxBytes = Math.min(fileMaxBytes, options.maxDiskBytes / filesAtLeast)
    this.#current = new CurrentFile({ ...options, maxBytes })
  }

  /** Bytes in the directory when it was last looked at, and what was written since. */
  get bytesCount(): number {
    return this.#bytesCount
  }

  /** Makes the directory and counts what is there. Rejects with PROCESS_START_FAILED. */
  async start(): Promise<void> {
    const { fileSystem, directory } = this.#options
    try {
      await fileSystem.makeDirectory(directory)
      for (const name of await fileSystem.list(directory))
        if (name.endsWith(`${fileSuffix}${rewriteSuffix}`)) await fileSystem.remove(`${directory}/${name}`)
      await this.#recount()
    } catch (error) {
      const message = `The dead-letter directory ${directory} cannot be used: ${messageOf(error)}`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
  }

  async keep(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    const bytes = await encodeLetters(letters, this.#options.clock.now())
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ bytes, done })
    if (!this.#isWriting) this.#writing = this.#writeAll()
    await done.promise
    for (const letter of letters) {
      this.#options.metrics.deadLetterRecords.inc({ code: letter.code })
      this.#replay?.pass.noteKept(letter.bytes)
    }
  }

  /**
   * Hands the selected letters to `take`, the oldest first and several at once, and removes those that were taken. A letter that becomes
   * dead again meanwhile is a new one, and not taken a second time. A crash at any moment loses no letter; it may be taken twice.
   *
   * Rejects with ADMIN_REQUEST_INVALID while another replay runs, and with DEAD_LETTER_UNREADABLE when the directory cannot be listed.
   */
  async replay(filter: ReplayFilter, take: Take): Promise<ReplayResult> {
    if (this.#replay !== undefined) {
      throw new SidecarError('ADMIN_REQUEST_INVALID', 'Another replay is running. Wait until it has ended.')
    }
    const pass = new Replay({
      ...this.#options,
      filter,
      take,
      removeLines: (name, part) => this.#removeLines(name, part),
    })
    const result = this.#endFile().then((names) => pass.run(names))
    this.#replay = { pass, ended: result.catch(() => undefined) }
    try {
      return await result
    } finally {
      this.#replay = undefined
    }
  }

  /** Ends a replay after the letters that are in work. */
  stopReplay(): void {
    this.#replay?.pass.stop(new SidecarError('HTTP_DRAINING', 'The sidecar is shutting down.'))
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
    if (this.#replay === undefined) return
    this.stopReplay()
    // What is in work may wait for a Kusto that is away. Cut off here, its letters stay.
    const { promise: tooLate, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(replayGraceMs, resolve)
    await Promise.race([this.#replay.ended, tooLate])
    timer.cancel()
  }

  /** What gathers while a group is being written becomes the next group: one write and one sync for many requests. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) await this.#disk.run(() => this.#writeGroup(this.#waiting.splice(0)))
    this.#isWriting = false
  }

  async #writeGroup(waiting: readonly Waiting[]): Promise<void> {
    const group = await this.#withRoom(waiting)
    if (group.length === 0) return
    try {
      await this.#append(group.map(({ bytes }) => bytes))
      for (const { done } of group) done.resolve()
    } catch (error) {
      for (const { done } of group) done.reject(error)
    }
  }

  /** Refuses what the limit does not allow and returns the rest. Looks again before it refuses: files may have been taken away. */
  async #withRoom(group: readonly Waiting[]): Promise<Waiting[]> {
    const { directory, maxDiskBytes } = this.#options
    const wanted = group.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (this.#bytesCount + wanted > maxDiskBytes) {
      await this.#recount().catch(() => undefined)
      await this.#evict(group)
    }
    let total = this.#bytesCount
    return group.filter(({ bytes, done }) => {
      if (total + bytes.length <= maxDiskBytes) {
        total += bytes.length
        return true
      }
      const message = `The dead-letter directory ${directory} is full (${this.#bytesCount} of ${maxDiskBytes} bytes, dead_letter.max_disk_mb). Look at what is in it, then move or delete files; senders of bad records are told to try again until then.`
      done.reject(new SidecarError('DEAD_LETTER_FULL', message))
      return false
    })
  }

  /** Makes room for those of the group that can have room at all, if that is asked for. */
  async #evict(group: readonly Waiting[]): Promise<void> {
    const { maxDiskBytes, whenFull } = this.#options
    if (whenFull !== 'evict_oldest') return
    let wanted = 0
    for (const { bytes } of group) if (wanted + bytes.length <= maxDiskBytes) wanted += bytes.length
    const keptBytes = maxDiskBytes - wanted
    if (this.#bytesCount <= keptBytes) return
    await this.#evictTo(keptBytes)
    if (this.#bytesCount <= keptBytes) return
    // Only the file that is written to is left: it is ended, and what comes goes into a new one.
    this.#current.end()
    await this.#evictTo(keptBytes)
  }

  async #evictTo(keptBytes: number): Promise<void> {
    const { path } = this.#current
    this.#bytesCount = await evictOldest({ ...this.#options, keptBytes, bytesCount: this.#bytesCount, path })
  }

  async #append(buffers: readonly Buffer[]): Promise<void> {
    try {
      await this.#current.append(buffers)
      this.#bytesCount += buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    } catch (error) {
      await this.#recount().catch(() => undefined)
      const message = `Dead letters could not be written to ${this.#options.directory}: ${messageOf(error)}. Their senders are told to try again.`
      throw new SidecarError('DEAD_LETTER_WRITE_FAILED', message, { cause: error })
    }
  }

  /** Nothing is written any more to the files whose names it resolves with. */
  async #endFile(): Promise<string[]> {
    const { fileSystem, directory } = this.#options
    return this.#disk.run(async () => {
      this.#current.end()
      return letterFiles(fileSystem, directory).catch((error: unknown) => {
        throw unreadable(directory, error)
      })
    })
  }

  async #removeLines(name: string, part: ReadPart): Promise<void> {
    const { fileSystem, directory } = this.#options
    const commit = (step: () => Promise<number>) =>
      this.#disk.run(async () => {
        const shrunkBytes = await step()
        this.#bytesCount -= shrunkBytes
        return shrunkBytes
      })
    try {
      await removeLines(fileSystem, directory, name, part, commit)
    } catch (error) {
      await this.#disk.run(() => this.#recount()).catch(() => undefined)
      throw error
    }
  }

  async #recount(): Promise<void> {
    const { fileSystem, directory } = this.#options
    let bytesCount = 0
    for (const name of await letterFiles(fileSystem, directory)) {
      const file = await fileSystem.open(`${directory}/${name}`, 'read')
      bytesCount += await file.size().finally(() => file.close())
    }
    this.#bytesCount = bytesCount
  }
}
