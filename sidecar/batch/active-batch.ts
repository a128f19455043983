import type { OpenBatch, SealedBatch, Timer } from '../core/ports.ts'
import type { SealLimits } from '../core/destination.ts'
import type { Group, GroupLimit, PendingRequest } from './pending.ts'

export type SealReason = 'interval' | 'records' | 'bytes' | 'flush' | 'drain'

/**
 * The batch that a lane fills. Room is reserved when a group is taken, not when it is written, because several groups are
 * compressed at once; writes follow each other in the order in which the groups were taken.
 */
export class ActiveBatch {
  readonly open: OpenBatch
  readonly #limits: SealLimits
  #reservedRecords = 0
  #reservedBytes = 0
  /** Ends when every write so far has ended, well or badly. Never rejects. */
  #writes: Promise<void> = Promise.resolve()
  /** Groups that are not through: written, synced where that is promised, and told to the ledger. */
  readonly #groups = new Set<Promise<void>>()
  /** Requests that are told only when the batch is settled (no journal), with how many of their records are in it. */
  readonly waiting: { readonly request: PendingRequest; readonly recordCount: number }[] = []
  intervalTimer: Timer | undefined

  constructor(open: OpenBatch, limits: SealLimits) {
    this.open = open
    this.#limits = limits
  }

  get room(): Omit<GroupLimit, 'targetBytes'> {
    return {
      maxRecords: this.#limits.batchSize - this.#reservedRecords,
      maxBytes: this.#limits.maxRawBytes - this.#reservedBytes,
      isBatchEmpty: this.#reservedRecords === 0,
    }
  }

  get fullReason(): SealReason | undefined {
    if (this.#reservedRecords >= this.#limits.batchSize) return 'records'
    if (this.#reservedBytes >= this.#limits.maxRawBytes) return 'bytes'
    return undefined
  }

  reserve(group: Group): void {
    this.#reservedRecords += group.recordCount
    this.#reservedBytes += group.rawBytes
  }

  /** Runs `write` after all earlier writes of this batch. */
  inOrder(write: () => Promise<void>): Promise<void> {
    const mine = this.#writes.then(write)
    this.#writes = mine.catch(() => undefined)
    return mine
  }

  /** `group` must not reject. */
  track(group: Promise<void>): void {
    const tracked = group.finally(() => this.#groups.delete(tracked))
    this.#groups.add(tracked)
  }

  /**
   * Waits for all groups, then seals. Not only for their writes: what a sealed batch says of its requests is what the ledger remembers, and it
   * has to have heard of the last group.
   */
  async seal(): Promise<SealedBatch | undefined> {
    this.intervalTimer?.cancel()
    await Promise.all(this.#groups)
    return this.open.seal()
  }
}
