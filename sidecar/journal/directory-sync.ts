import type { Clock, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'

export type DirectorySyncOptions = {
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly clock: Clock
  readonly onPostponed: (error: unknown) => void
  readonly onFatal: (error: SidecarError) => void
}

/** A directory that cannot be opened for want of descriptors is tried again after this time. */
const retryMs = 100

/**
 * Makes the names in the journal directory durable: creations, renames, removals. Who comes while a sync runs shares the next one, so that
 * a thousand new files cost two.
 */
export class DirectorySync {
  readonly #options: DirectorySyncOptions
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isDirty = false
  #isClosed = false

  constructor(options: DirectorySyncOptions) {
    this.#options = options
  }

  /** Something changed that need not be durable at once; see `syncIfChanged`. */
  changed(): void {
    this.#isDirty = true
  }

  async syncIfChanged(): Promise<void> {
    if (this.#isDirty) await this.sync()
  }

  /** Resolves when every change up to now is durable. Rejects with JOURNAL_SYNC_FAILED, which is fatal, or after `close` with JOURNAL_WRITE_FAILED. */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => (this.#running = undefined))
      return this.#running
    }
    // The one that runs may have begun before the caller's change.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        return this.sync()
      })
    return this.#next
  }

  /** A sync that waits for descriptors is given up. */
  close(): void {
    this.#isClosed = true
  }

  async #run(): Promise<void> {
    const { fileSystem, directory, clock, onPostponed, onFatal } = this.#options
    for (;;) {
      this.#isDirty = false
      try {
        await fileSystem.syncDirectory(directory)
        return
      } catch (cause) {
        if (!isOutOfDescriptors(cause)) {
          const message = `The journal directory ${directory} could not be synced: ${messageOf(cause)}. The process stops.`
          const error = new SidecarError('JOURNAL_SYNC_FAILED', message, { cause })
          onFatal(error)
          throw error
        }
        // Nothing was synced and nothing is lost.
        this.#isDirty = true
        if (this.#isClosed) {
          const message = `The journal directory ${directory} could not be opened: ${messageOf(cause)}`
          throw new SidecarError('JOURNAL_WRITE_FAILED', message, { cause })
        }
        onPostponed(cause)
        await new Promise<void>((resolve) => clock.after(retryMs, resolve))
      }
    }
  }
}

function isOutOfDescriptors(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(systemCodeOf(error) ?? '')
}
