/**
 * Keeps records that can never be delivered, in files of NDJSON, one line for each with the reason and the original bytes.
 *
 * It promises: what `keep` resolved for is synced to the disk. Nothing is ever evicted; a full directory makes `keep` reject, so that
 * senders are told to come again. A person may move or delete files at any time: none is held open between two writes.
 */
import type { Clock, DeadLetter, DeadLetterSink, File, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import type { Metrics } from '../observability/metrics.ts'
import { encodeLetters } from './encode-letters.ts'
import { isoTime } from './iso-time.ts'

export type DeadLetterStoreOptions = {
  readonly directory: string
  readonly maxDiskBytes: number
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly metrics: Metrics
}

/** A file is ended at about this size, so that a person can open it. */
const fileMaxBytes = 64 * 1024 * 1024
const fileSuffix = '.ndjson'

type Waiting = { readonly bytes: Buffer; readonly done: PromiseWithResolvers<void> }

export class DeadLetterStore implements DeadLetterSink {
  readonly #options: DeadLetterStoreOptions
  #waiting: Waiting[] = []
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  /** The file that is written to, until it is large enough or gone. */
  #path: string | undefined
  #filesCount = 0
  #bytesCount = 0

  constructor(options: DeadLetterStoreOptions) {
    this.#options = options
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
    for (const { code } of letters) this.#options.metrics.deadLetterRecords.inc({ code })
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
  }

  /** What gathers while a group is being written becomes the next group: one write and one sync for many requests. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = await this.#withRoom(this.#waiting.splice(0))
      if (group.length === 0) continue
      try {
        await this.#append(group.map(({ bytes }) => bytes))
        for (const { done } of group) done.resolve()
      } catch (error) {
        for (const { done } of group) done.reject(error)
      }
    }
    this.#isWriting = false
  }

  /** Refuses what the limit does not allow and returns the rest. Looks again before it refuses: files may have been taken away. */
  async #withRoom(group: readonly Waiting[]): Promise<Waiting[]> {
    const { directory, maxDiskBytes } = this.#options
    const wanted = group.reduce((sum, { bytes }) => sum + bytes.length, this.#bytesCount)
    if (wanted > maxDiskBytes) await this.#recount().catch(() => undefined)
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

  async #append(buffers: readonly Buffer[]): Promise<void> {
    try {
      const { file, fileBytes } = await this.#openFile()
      try {
        await file.write(buffers, fileBytes)
        await file.sync()
      } catch (error) {
        // After a failed sync nobody knows what the file holds: the next letters go into a new one.
        const path = this.#path
        this.#path = undefined
        if (fileBytes === 0 && path !== undefined)
          await this.#options.fileSystem.remove(path).catch(() => undefined)
        else await file.truncate(fileBytes).catch(() => undefined)
        throw error
      } finally {
        await file.close()
      }
      this.#bytesCount += buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    } catch (error) {
      await this.#recount().catch(() => undefined)
      const message = `Dead letters could not be written to ${this.#options.directory}: ${messageOf(error)}. Their senders are told to try again.`
      throw new SidecarError('DEAD_LETTER_WRITE_FAILED', message, { cause: error })
    }
  }

  /** The current file, or a new one when there is none, it was taken away, or it is large enough. */
  async #openFile(): Promise<{ file: File; fileBytes: number }> {
    const current = await this.#openCurrent()
    if (current !== undefined && current.fileBytes < fileMaxBytes) return current
    await current?.file.close()
    return { file: await this.#createFile(), fileBytes: 0 }
  }

  async #openCurrent(): Promise<{ file: File; fileBytes: number } | undefined> {
    if (this.#path === undefined) return undefined
    let file: File | undefined
    try {
      file = await this.#options.fileSystem.open(this.#path, 'update')
      return { file, fileBytes: await file.size() }
    } catch (error) {
      await file?.close()
      if (systemCodeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async #createFile(): Promise<File> {
    const { fileSystem, directory, clock } = this.#options
    const time = isoTime(clock.now()).replaceAll(/[-:]|\.\d+/g, '')
    const taken = new Set(await fileSystem.list(directory))
    do this.#filesCount += 1
    while (taken.has(`${time}-${this.#filesCount}${fileSuffix}`))
    const path = `${directory}/${time}-${this.#filesCount}${fileSuffix}`
    const file = await fileSystem.open(path, 'create')
    try {
      await fileSystem.syncDirectory(directory)
    } catch (error) {
      await file.close()
      throw error
    }
    this.#path = path
    return file
  }

  async #recount(): Promise<void> {
    const { fileSystem, directory } = this.#options
    let bytesCount = 0
    for (const name of await fileSystem.list(directory)) {
      if (!name.endsWith(fileSuffix)) continue
      const file = await fileSystem.open(`${directory}/${name}`, 'read')
      bytesCount += await file.size().finally(() => file.close())
    }
    this.#bytesCount = bytesCount
  }
}
