import type { Intake } from '../core/ports.ts'
import { targetKey, type Target } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import { recordCount, type RecordBlock } from '../core/record-block.ts'
import { Lane, type LaneContext } from './lane.ts'

export type BatcherOptions = LaneContext & {
  /** Destinations with an open batch at once; see core/limits.ts. */
  readonly maxDestinations: number
  /** Bytes of records that are not written yet. */
  readonly maxPendingBytes: number
}

/** What a waiting request costs besides its records: promises, entries, the buffer around them. */
const requestOverheadBytes = 1_000

/**
 * Brings records into batches, one lane for each destination.
 *
 * `append` resolves as the target's guarantee says: `none` at once, `at_least_once` when the records are written to the journal
 * (or, without one, when their batch is settled). It rejects with HTTP_OVERLOADED, ROUTE_TOO_MANY_DESTINATIONS or the error of
 * the journal; then the sender still has the records and is told to come again. Some of them may be stored all the same.
 */
export class Batcher implements Intake {
  readonly #options: BatcherOptions
  readonly #lanes = new Map<string, Lane>()
  #pendingBytes = 0

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  async append(target: Target, block: RecordBlock): Promise<void> {
    if (recordCount(block) === 0) return
    const bytesCount = block.bytes.length + requestOverheadBytes
    this.#reserve(bytesCount)
    let written: Promise<void>
    try {
      written = this.#laneFor(target).append(block)
    } catch (error) {
      this.#release(bytesCount)
      throw error
    }
    const released = written.finally(() => this.#release(bytesCount))
    if (target.guarantee === 'none') released.catch(() => undefined)
    else await released
  }

  /** Every record was written, and every batch sealed and handed to delivery. */
  get isIdle(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.isIdle)
  }

  /** Writes and seals everything. Resolves when all batches were handed to delivery. */
  async drain(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drain()))
  }

  #laneFor(target: Target): Lane {
    const key = targetKey(target)
    const existing = this.#lanes.get(key)
    if (existing !== undefined) return existing
    if (this.#lanes.size >= this.#options.maxDestinations) this.#dropIdleLanes()
    if (this.#lanes.size >= this.#options.maxDestinations) {
      const message = `${this.#lanes.size} destinations have an open batch, which is the limit. A shorter write.batch_interval_ms closes them sooner; fewer different tables are better.`
      throw new SidecarError('ROUTE_TOO_MANY_DESTINATIONS', message)
    }
    const lane = new Lane(this.#options, target)
    this.#lanes.set(key, lane)
    return lane
  }

  #dropIdleLanes(): void {
    for (const [key, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(key)
  }

  #reserve(bytesCount: number): void {
    const { maxPendingBytes, metrics } = this.#options
    // A single request larger than the limit is let in when nothing else waits, or it could never be taken.
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytesCount > maxPendingBytes) {
      const message = `${this.#pendingBytes} bytes of records wait to be written, and server.max_in_flight_mb is ${maxPendingBytes} bytes. Senders are told to try again.`
      throw new SidecarError('HTTP_OVERLOADED', message)
    }
    this.#pendingBytes += bytesCount
    metrics.batchPendingBytes.set(this.#pendingBytes)
  }

  #release(bytesCount: number): void {
    this.#pendingBytes -= bytesCount
    this.#options.metrics.batchPendingBytes.set(this.#pendingBytes)
  }
}
