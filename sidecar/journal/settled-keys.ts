/** Keeps what must be remembered of the requests of a batch when its file goes. */
import type { Clock, FileSystem, RequestLedger } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { KeyLog } from './key-log.ts'
import type { DiskBatch } from './sealed-batch.ts'

export type SettledKeysOptions = {
  readonly ledger: RequestLedger
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly dedupWindowMs: number
  readonly dedupMaxKeys: number
  readonly clock: Clock
  readonly store: {
    nextKeySegment(): Promise<string>
    syncNames(): Promise<void>
    countBytes(bytesCount: number): void
    warn(event: string, message: string, error: unknown): void
  }
  readonly onFatal: (error: SidecarError) => void
}

/** How often a disk is asked to keep keys, and how long it rests in between. */
const attempts = 3
const retryMs = 1_000

export class SettledKeys {
  readonly #options: SettledKeysOptions
  readonly #log: KeyLog
  #isClosed = false

  constructor(options: SettledKeysOptions) {
    const { store } = options
    this.#options = options
    this.#log = new KeyLog({
      ...options,
      windowMs: options.dedupWindowMs,
      maxKeys: options.dedupMaxKeys,
      nextName: () => store.nextKeySegment(),
      syncNames: () => store.syncNames(),
      count: (bytesCount) => store.countBytes(bytesCount),
    })
  }

  /** What earlier processes kept; `names` are the files of the directory. */
  recover(names: readonly string[]): Promise<RequestSlice[]> {
    return this.#log.recover(names, (path, error) =>
      this.#options.store.warn('journal.keys_left', `${path} cannot be read: ${messageOf(error)}`, error),
    )
  }

  /**
   * Resolves when the keys are durable. A disk that refuses them is tried again a few times; then the batch goes without them, since else
   * a full disk would never be emptied.
   */
  async keep(batch: Pick<DiskBatch, 'id' | 'slices'>): Promise<void> {
    const { ledger, clock, store } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      try {
        const live = (await batch.slices()).filter((slice) => ledger.isLive(slice))
        if (live.length > 0) await this.#log.keep(live)
        return
      } catch (error) {
        if (error instanceof SidecarError && error.disposition === 'fatal') throw error
        if (attempt === attempts || this.#isClosed) {
          const message = `${messageOf(error)} After a restart the requests of batch ${batch.id} are no longer recognised when they are sent again.`
          store.warn('journal.keys_lost', message, error)
          return
        }
        await new Promise<void>((resolve) => clock.after(retryMs, resolve))
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#log.close()
  }
}
