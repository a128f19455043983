import assert from 'node:assert/strict'
import type { Clock, RequestLedger } from '../core/ports.ts'
import type {
  RecordRange,
  RequestKey,
  RequestMark,
  RequestPart,
  RequestSlice,
} from '../core/request-slice.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Seldom } from '../observability/seldom.ts'
import { Coverage } from './coverage.ts'
import { KeyTable } from './key-table.ts'
import { unreadSlices } from './unread-slices.ts'

export type MemoryLedgerOptions = {
  /** Requests stored as a whole, and runs of records of others, together. */
  readonly maxKeys: number
  readonly windowMs: number
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
}

/** Times are kept in steps of this length, so that they fit into 32 bits for thirteen years. */
const msPerTick = 100

type Unfinished = { readonly tick: number; readonly coverage: Coverage; readonly runCount: number }

/**
 * What is stored, in memory; the journal brings it back after a restart through `restore`.
 *
 * A request counts as stored only while it is remembered as a whole: its age counts from the moment at which its last record became
 * safe, or from the start of the process, since a shipper may have waited for it. Nothing makes it younger: an equal body that is no
 * repetition is then suppressed for one window at most. Of what is stored in part, the age counts from the last slice.
 */
export class MemoryLedger implements RequestLedger {
  readonly #options: MemoryLedgerOptions
  readonly #windowTicks: number
  readonly #whole = new KeyTable()
  /** In the order of their last slice. */
  readonly #unfinished = new Map<RequestKey, Unfinished>()
  #runCount = 0
  readonly #seldom: Seldom

  constructor(options: MemoryLedgerOptions) {
    assert(options.maxKeys > 0)
    this.#options = options
    this.#windowTicks = Math.ceil(options.windowMs / msPerTick)
    this.#seldom = new Seldom(options.clock)
  }

  isStored(key: RequestKey): boolean {
    this.#forgetOld()
    return this.#whole.get(key) !== undefined
  }

  forget(key: RequestKey): void {
    this.#whole.delete(key)
    this.#showSize()
  }

  missing(mark: RequestMark, part: RequestPart): readonly RecordRange[] {
    if (this.isStored(mark.key)) return []
    const coverage = this.#unfinished.get(mark.key)?.coverage ?? new Coverage()
    return coverage.missing({ ...part, fingerprint: mark.fingerprint })
  }

  store(slices: readonly RequestSlice[]): void {
    this.#forgetOld()
    for (const slice of slices) this.#add(slice)
    this.#makeRoom()
  }

  restore(slices: readonly RequestSlice[]): void {
    for (const slice of unreadSlices(slices)) this.#add(slice)
    this.#makeRoom()
  }

  isLive({ key }: RequestSlice): boolean {
    return this.isStored(key) || this.#unfinished.has(key)
  }

  #add(slice: RequestSlice): void {
    const { key } = slice
    if (this.#whole.get(key) !== undefined) return
    const coverage = this.#unfinished.get(key)?.coverage ?? new Coverage()
    this.#removeUnfinished(key)
    coverage.add(slice)
    const tick = this.#now()
    if (coverage.isWhole) this.#whole.add(key, tick)
    else if (!coverage.isEmpty) {
      const { runCount } = coverage
      this.#unfinished.set(key, { tick, coverage, runCount })
      this.#runCount += runCount
    }
  }

  #removeUnfinished(key: RequestKey): void {
    const found = this.#unfinished.get(key)
    if (found === undefined) return
    this.#unfinished.delete(key)
    this.#runCount -= found.runCount
  }

  #forgetOld(): void {
    const newestOld = this.#now() - this.#windowTicks
    while ((this.#whole.oldestTick ?? Infinity) <= newestOld) this.#whole.deleteOldest()
    for (const [key, { tick }] of this.#unfinished) {
      if (tick > newestOld) break
      this.#removeUnfinished(key)
    }
  }

  /** Forgets the oldest, whole or not, until the rest is within the limit. */
  #makeRoom(): void {
    const { maxKeys, metrics, log } = this.#options
    while (this.#whole.size + this.#runCount > maxKeys) {
      const [oldest] = this.#unfinished
      if (oldest === undefined || (this.#whole.oldestTick ?? Infinity) <= oldest[1].tick) {
        this.#whole.deleteOldest()
      } else this.#removeUnfinished(oldest[0])
      metrics.ledgerEvictedRequests.inc()
      this.#seldom.note((count) =>
        log.warn(
          { event: 'ledger.evicted', count, maxKeys },
          'Requests were forgotten before journal.dedup_window_seconds were over, since journal.dedup_max_keys are remembered. If one of them is sent again, it is stored twice.',
        ),
      )
    }
    this.#showSize()
  }

  #showSize(): void {
    this.#options.metrics.ledgerRequests.set(this.#whole.size + this.#unfinished.size)
  }

  #now(): number {
    return Math.floor(this.#options.clock.monotonic() / msPerTick)
  }
}
