/**
 * Keeps records that can never be delivered, in files of NDJSON, one line for each with the reason and the original bytes.
 *
 * It promises: what `keep` resolved for is synced to the disk. Nothing is ever evicted; a full directory makes `keep` reject, so that
 * senders are told to come again.
 */
import type { Clock, DeadLetter, DeadLetterSink, File, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { encodeLetters } from './encode-letters.ts'
import { isoTime } from './iso-time.ts'

export type DeadLetterStoreOptions = {
  readonly directory: string
  readonly maxDiskBytes: number
  readonly fileSystem: FileSystem
  readonly clock: Clock
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
  #file: File | undefined
  #fileBytes = 0
  #filesCount = 0
  #bytesCount = 0

  constructor(options: DeadLetterStoreOptions) {
    this.#options = options
  }

  /** Bytes in the directory. */
  get bytesCount(): number {
    return this.#bytesCount
  }

  /** Makes the directory and counts what is there. Rejects with PROCESS_START_FAILED. */
  async start(): Promise<void> {
    const { fileSystem, directory } = this.#options
    try {
      await fileSystem.makeDirectory(directory)
      for (const name of await fileSystem.list(directory)) {
        if (!name.endsWith(fileSuffix)) continue
        const file = await fileSystem.open(`${directory}/${name}`, 'read')
        this.#bytesCount += await file.size().finally(() => file.close())
      }
    } catch (error) {
      const message = `The dead-letter directory ${directory} cannot be used: ${messageOf(error)}`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
  }

  async keep(letters: readonly DeadLetter[]): Promise<void> {
    const bytes = await encodeLetters(letters, this.#options.clock.now())
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ bytes, done })
    if (!this.#isWriting) this.#writing = this.#writeAll()
    await done.promise
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file?.close()
    this.#file = undefined
  }

  /** What gathers while a group is being written becomes the next group: one write and one sync for many requests. */
  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = this.#withRoom(this.#waiting.splice(0))
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

  /** Refuses what the limit does not allow and returns the rest. */
  #withRoom(group: readonly Waiting[]): Waiting[] {
    const { directory, maxDiskBytes } = this.#options
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
    const bytesCount = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    try {
      const file = await this.#fileWithRoom()
      await file.write(buffers, this.#fileBytes)
      await file.sync()
    } catch (error) {
      await this.#undo()
      const message = `Dead letters could not be written to ${this.#options.directory}: ${messageOf(error)}. Their senders are told to try again.`
      throw new SidecarError('DEAD_LETTER_WRITE_FAILED', message, { cause: error })
    }
    this.#fileBytes += bytesCount
    this.#bytesCount += bytesCount
  }

  /** Cuts the file back to what was kept and starts a new one: after a failed sync nobody knows what an old file holds. */
  async #undo(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.truncate(this.#fileBytes).catch(() => undefined)
    await file?.close().catch(() => undefined)
  }

  async #fileWithRoom(): Promise<File> {
    const { fileSystem, directory, clock } = this.#options
    if (this.#file !== undefined && this.#fileBytes < fileMaxBytes) return this.#file
    await this.#file?.close()
    this.#file = undefined
    const time = isoTime(clock.now()).replaceAll(/[-:]|\.\d+/g, '')
    const taken = new Set(await fileSystem.list(directory))
    do this.#filesCount += 1
    while (taken.has(`${time}-${this.#filesCount}${fileSuffix}`))
    this.#file = await fileSystem.open(`${directory}/${time}-${this.#filesCount}${fileSuffix}`, 'create')
    this.#fileBytes = 0
    await fileSystem.syncDirectory(directory)
    return this.#file
  }
}
