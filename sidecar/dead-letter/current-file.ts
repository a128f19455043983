import type { Clock, File, FileSystem } from '../core/ports.ts'
import { systemCodeOf } from '../core/errors.ts'
import { isoTime } from './iso-time.ts'
import { fileSuffix } from './letter-files.ts'

export type CurrentFileOptions = {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  /** A file is ended once it has so many bytes. */
  readonly maxBytes: number
}

/** The file that letters are appended to. Calls must not overlap. */
export class CurrentFile {
  readonly #options: CurrentFileOptions
  #path: string | undefined
  #filesCount = 0

  constructor(options: CurrentFileOptions) {
    this.#options = options
  }

  /** Undefined before the first append, and after `end` until the next one. */
  get path(): string | undefined {
    return this.#path
  }

  /** Nothing more is written to the present file. */
  end(): void {
    this.#path = undefined
  }

  /** Resolves when the bytes are synced. A rejection leaves the file as it was, as far as the disk allows. */
  async append(buffers: readonly Buffer[]): Promise<void> {
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
  }

  /** The present file, or a new one when there is none, it was taken away, or it is large enough. */
  async #openFile(): Promise<{ file: File; fileBytes: number }> {
    const current = await this.#openCurrent()
    if (current !== undefined && current.fileBytes < this.#options.maxBytes) return current
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
}
