import type { Intake, RoutedBlock } from '../core/ports.ts'
import { targetKey, type Target } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import { recordCount } from '../core/record-block.ts'
import type { RequestKey, RequestMark } from '../core/request-slice.ts'
import { Lane, type LaneContext } from './lane.ts'
import { missingBlocks, type MarkedBlock } from './missing-blocks.ts'

export type BatcherOptions = LaneContext & {
  /** Destinations with an open batch at once; see core/limits.ts. */
  readonly maxDestinations: number
  /** Bytes of records that are not written yet. */
  readonly maxPendingBytes: number
}

/** Each promise settles when nothing of its block is in work any more. */
type Writes = { readonly all: readonly Promise<void>[]; readonly awaited: readonly Promise<void>[] }

/** What a waiting request costs besides its records: promises, entries, the buffer around them. */
const requestOverheadBytes = 1_000

/** Deflate writes what it cannot compress as it is, with a few bytes for each 16 KB. */
const deflateGrowth = 1.01

function sizeOf({ block }: RoutedBlock): number {
  return block.bytes.length + requestOverheadBytes
}

/**
 * Brings records into batches, one lane for each destination.
 *
 * `append` resolves as the target's guarantee says: `none` at once, `at_least_once` when the records are written to the journal
 * (or, without one, when their batch is settled), `exactly_once` when they are synced to the disk. It rejects with HTTP_OVERLOADED, ROUTE_TOO_MANY_DESTINATIONS, JOURNAL_FULL or
 * MEMORY_FULL before anything is stored, or with a later error of the journal; then the sender still has the records and is told to come
 * again, and some of them may be stored all the same.
 */
export class Batcher implements Intake {
  readonly #options: BatcherOptions
  readonly #lanes = new Map<string, Lane>()
  /** Requests of which something is in work; each promise resolves when nothing is any more. */
  readonly #inWork = new Map<RequestKey, Promise<unknown>>()
  #pendingBytes = 0

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  ensureRoom(parts: readonly RoutedBlock[]): void {
    const { maxPendingBytes, store } = this.#options
    // A batch that cannot leave because its row lacks room would hold the room for ever.
    const bounded = parts.filter(({ target }) => target.purpose !== 'checkpoint')
    if (bounded.length === 0) return
    const bytesCount = bounded.reduce((sum, part) => sum + sizeOf(part), 0)
    // A single request larger than the limit is let in when nothing else waits, or it could never be taken.
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytesCount > maxPendingBytes) {
      const message = `${this.#pendingBytes} bytes of records wait to be written, and server.max_in_flight_mb is ${maxPendingBytes} bytes. Senders are told to try again.`
      throw new SidecarError('HTTP_OVERLOADED', message)
    }
    // What compresses badly grows by less than this. Records of "none" wait in memory for room.
    const keptBytes = bounded.reduce(
      (sum, part) => sum + (part.target.guarantee === 'none' ? 0 : sizeOf(part)),
      0,
    )
    if (keptBytes > 0) store.ensureRoom(Math.ceil((this.#pendingBytes + keptBytes) * deflateGrowth))
  }

  async append(
    parts: readonly RoutedBlock[],
    mark?: RequestMark,
    onThrough: () => void = () => undefined,
  ): Promise<void> {
    let writes: Writes = { all: [], awaited: [] }
    try {
      writes = await this.#appendMissing(parts, mark)
    } finally {
      void Promise.allSettled(writes.all).then(onThrough)
    }
    await Promise.all(writes.awaited)
  }

  async #appendMissing(parts: readonly RoutedBlock[], mark: RequestMark | undefined): Promise<Writes> {
    const filled = parts.filter(({ block }) => recordCount(block) > 0)
    const { ledger } = this.#options
    if (mark === undefined || ledger === undefined) return this.#append(filled)
    // Only when nothing of an equal request is in work is it known what is missing.
    for (;;) {
      const earlier = this.#inWork.get(mark.key)
      if (earlier === undefined) break
      await earlier
    }
    const writes = this.#append(missingBlocks(filled, mark, ledger))
    const through = Promise.allSettled(writes.awaited).then(() => this.#inWork.delete(mark.key))
    this.#inWork.set(mark.key, through)
    return writes
  }

  /** Hands the blocks to their lanes. */
  #append(blocks: readonly MarkedBlock[]): Writes {
    this.ensureRoom(blocks)
    // All lanes before any record: a part that is refused must not leave the others stored.
    const lanes = this.#lanesFor(blocks.map(({ target }) => target))
    const all: Promise<void>[] = []
    const awaited: Promise<void>[] = []
    for (const [index, { target, block, origin }] of blocks.entries()) {
      const bytesCount = sizeOf({ target, block })
      this.#reserve(bytesCount)
      const written = (lanes[index] as Lane).append(block, origin).finally(() => this.#release(bytesCount))
      // Sent away or not, the sender hears of it once all parts are through; until then nobody else listens.
      written.catch(() => undefined)
      all.push(written)
      if (target.guarantee !== 'none') awaited.push(written)
    }
    return { all, awaited }
  }

  /** Seals what is open now, also when more records wait. Resolves when it was handed to delivery. */
  async flush(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.flush()))
  }

  /** Every record was written, and every batch sealed and handed to delivery. */
  get isIdle(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.isIdle)
  }

  /** Writes and seals everything. Resolves when all batches were handed to delivery. */
  async drain(): Promise<void> {
    for (const isForCheckpoints of [false, true]) {
      const lanes = [...this.#lanes.values()].filter((lane) => lane.isForCheckpoints === isForCheckpoints)
      await Promise.all(lanes.map((lane) => lane.drain()))
    }
  }

  /** The lanes of all targets, or none when they would be too many. */
  #lanesFor(targets: readonly Target[]): Lane[] {
    const keys = targets.map(targetKey)
    const countWithNew = () => this.#lanes.size + new Set(keys.filter((key) => !this.#lanes.has(key))).size
    if (countWithNew() > this.#options.maxDestinations) this.#dropIdleLanes()
    const isBounded = targets.some(({ purpose }) => purpose !== 'checkpoint')
    if (isBounded && countWithNew() > this.#options.maxDestinations) {
      const message = `${this.#lanes.size} destinations have an open batch, and ${this.#options.maxDestinations} is the limit. A shorter write.batch_interval_ms closes them sooner; fewer different tables are better.`
      throw new SidecarError('ROUTE_TOO_MANY_DESTINATIONS', message)
    }
    return targets.map((target, index) => this.#laneOf(keys[index] as string, target))
  }

  #laneOf(key: string, target: Target): Lane {
    const existing = this.#lanes.get(key)
    if (existing !== undefined) return existing
    const lane = new Lane(this.#options, target)
    this.#lanes.set(key, lane)
    return lane
  }

  #dropIdleLanes(): void {
    for (const [key, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(key)
  }

  #reserve(bytesCount: number): void {
    this.#pendingBytes += bytesCount
    this.#options.metrics.batchPendingBytes.set(this.#pendingBytes)
  }

  #release(bytesCount: number): void {
    this.#pendingBytes -= bytesCount
    this.#options.metrics.batchPendingBytes.set(this.#pendingBytes)
  }
}
