import type { BatchStore, Clock, Compress, Deliver, RequestLedger, SealedBatch } from '../core/ports.ts'
import { destinationLabel, type Target } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { crc32Of } from '../core/gzip-member.ts'
import { limits } from '../core/limits.ts'
import { recordCount, type RecordBlock } from '../core/record-block.ts'
import type { Semaphore } from '../core/semaphore.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { ActiveBatch, type SealReason } from './active-batch.ts'
import { PendingQueue, PendingRequest, type BlockOrigin, type Group } from './pending.ts'

/** What all lanes share. */
export type LaneContext = {
  readonly store: BatchStore
  readonly deliver: Deliver
  /** Told which records of which request are safe. Undefined when no requests are remembered. */
  readonly ledger: RequestLedger | undefined
  readonly compressions: Semaphore
  readonly compress: Compress
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** How long a lane rests after the disk refused it, before it tries again for records that nobody else has. */
const restMs = 1_000

/**
 * The way of one destination's records into batches.
 *
 * Records wait in a queue; a group of them is taken, compressed, and written as one frame of the active batch. While
 * a group is in work, small requests gather behind it and share the next frame. When a limit of the batch is reached it is
 * sealed behind its last frame and handed to delivery, and the next group opens a new batch.
 */
export class Lane {
  readonly #context: LaneContext
  readonly #target: Target
  readonly #pending = new PendingQueue()
  #active: ActiveBatch | undefined
  #isOpening = false
  #isResting = false
  #groupsInWork = 0
  readonly #sealing = new Set<Promise<void>>()
  #quietListeners: (() => void)[] = []

  constructor(context: LaneContext, target: Target) {
    this.#context = context
    this.#target = target
  }

  /** A batch of records that is sealed empty gets a row, so that such a lane has to be drained after the others. */
  get isForCheckpoints(): boolean {
    return this.#target.purpose === 'checkpoint'
  }

  /** Nothing waits and no batch is open: the lane can be dropped. */
  get isIdle(): boolean {
    return this.#isQuiet && this.#active === undefined && this.#sealing.size === 0
  }

  /**
   * Resolves when the records are written, with `exactly_once` synced, or, without a journal, queued in Kusto. Rejects when a record of
   * the block could not be, and none of it is in work any more.
   */
  append(block: RecordBlock, origin?: BlockOrigin): Promise<void> {
    const request = new PendingRequest(recordCount(block))
    this.#pending.push(request, block, origin)
    this.#pump()
    return request.done
  }

  /**
   * Seals the active batch after everything that waits has been written. Resolves when all sealed batches were handed to
   * delivery; as long as the disk refuses records that nobody else has, it does not resolve.
   */
  async drain(): Promise<void> {
    do {
      if (!this.#isQuiet) await new Promise<void>((resolve) => this.#quietListeners.push(resolve))
    } while (!this.#pending.isEmpty)
    this.#sealActive('drain')
    await Promise.all(this.#sealing)
  }

  /** Seals the active batch behind what is written or in work. Resolves when all sealed batches were handed to delivery. */
  async flush(): Promise<void> {
    this.#sealActive('flush')
    await Promise.all(this.#sealing)
  }

  /** Nothing waits and nothing is in work. */
  get #isQuiet(): boolean {
    return this.#groupsInWork === 0 && !this.#isOpening && this.#pending.isEmpty
  }

  #pump(): void {
    while (!this.#pending.isEmpty && !this.#isResting && !this.#isOpening) {
      if (this.#groupsInWork >= limits.compressionsInFlight) return
      if (this.#groupsInWork > 0 && this.#pending.rawBytes < limits.frameEagerRawBytes) return
      if (this.#active === undefined) void this.#openBatch()
      else this.#startGroup(this.#active)
    }
    if (!this.#isQuiet) return
    for (const listener of this.#quietListeners.splice(0)) listener()
  }

  async #openBatch(): Promise<void> {
    this.#isOpening = true
    const { destination, settlement, purpose } = this.#target
    try {
      const batch = new ActiveBatch(
        await this.#context.store.open(destination, settlement, purpose),
        this.#target.limits,
      )
      batch.intervalTimer = this.#context.clock.after(this.#target.limits.batchIntervalMs, () => {
        if (this.#active === batch) this.#sealActive('interval')
      })
      this.#active = batch
      this.#context.metrics.batchOpen.inc()
    } catch (error) {
      this.#report(error)
      if (this.#target.guarantee === 'none') this.#rest()
      else this.#pending.failAll(error)
    }
    this.#isOpening = false
    this.#pump()
  }

  #startGroup(batch: ActiveBatch): void {
    const group = this.#pending.take({ ...batch.room, targetBytes: limits.frameTargetRawBytes })
    if (group.recordCount === 0) {
      this.#sealActive('bytes')
      return
    }
    batch.reserve(group)
    this.#groupsInWork += 1
    const written = this.#writeGroup(batch, group)
    batch.track(written)
    void written.finally(() => {
      this.#groupsInWork -= 1
      this.#pump()
    })
    const isFlushed = this.#target.destination.flushImmediately && this.#pending.isEmpty
    const reason = isFlushed ? 'flush' : batch.fullReason
    if (reason !== undefined) this.#sealActive(reason)
  }

  async #writeGroup(batch: ActiveBatch, group: Group): Promise<void> {
    const bytes = concatenate(group)
    const requests = group.slices.flatMap(({ origin }) => origin ?? [])
    const compressed = this.#context.compressions.run(() => this.#context.compress(bytes))
    // It may fail before the earlier writes are through; the failure is then met below.
    compressed.catch(() => undefined)
    try {
      await batch.inOrder(async () => {
        const payload = await compressed
        const { recordCount: records } = group
        await batch.open.append({
          recordCount: records,
          rawBytes: bytes.length,
          rawCrc32: crc32Of(bytes),
          payload,
          requests,
        })
      })
      // Behind the write and not in its turn, so that the next frame is written meanwhile and shares the sync after this one.
      if (this.#target.guarantee === 'exactly_once') await batch.open.sync()
    } catch (error) {
      this.#writeFailed(error, group)
      return
    }
    if (this.#context.store.isDurable) {
      this.#context.ledger?.store(requests)
      tellDone(group.slices)
    }
    // Without the records, which are in the batch by now.
    else
      batch.waiting.push(
        ...group.slices.map(({ request, recordCount: count }) => ({ request, recordCount: count })),
      )
  }

  /** Senders that still have their records are told to come again; records that nobody else has are kept and tried again. */
  #writeFailed(error: unknown, group: Group): void {
    this.#report(error)
    if (this.#target.guarantee === 'none') {
      this.#pending.putBack(group)
      this.#rest()
    } else tellFailed(group.slices, error)
  }

  #rest(): void {
    if (this.#isResting) return
    this.#isResting = true
    this.#context.clock.after(restMs, () => {
      this.#isResting = false
      this.#pump()
    })
  }

  #report(error: unknown): void {
    const destination = destinationLabel(this.#target.destination)
    this.#context.log.warn(
      { event: 'batch.write_refused', destination, code: codeOf(error) },
      messageOf(error),
    )
  }

  #sealActive(reason: SealReason): void {
    const batch = this.#active
    if (batch === undefined) return
    this.#active = undefined
    const sealing = this.#seal(batch, reason).finally(() => this.#sealing.delete(sealing))
    this.#sealing.add(sealing)
  }

  async #seal(batch: ActiveBatch, reason: SealReason): Promise<void> {
    const { metrics, log } = this.#context
    let sealed: SealedBatch | undefined
    try {
      sealed = await batch.seal()
    } catch (error) {
      // What is written is safe in the file and is found at the next start. A fatal error has already stopped the process.
      log.error({ event: 'batch.seal_failed', batchId: batch.open.id, code: codeOf(error) }, messageOf(error))
      tellFailed(batch.waiting, error)
      return
    } finally {
      metrics.batchOpen.dec()
    }
    if (sealed === undefined) return
    const { id: batchId, recordCount: records, rawBytes, blobBytes } = sealed
    metrics.batchSealed.inc({ reason })
    metrics.batchSealedRecords.inc(records)
    metrics.batchSealedRawBytes.inc(rawBytes)
    const destination = destinationLabel(this.#target.destination)
    log.debug(
      { event: 'batch.sealed', batchId, destination, reason, recordCount: records, rawBytes, blobBytes },
      'Batch sealed.',
    )
    void this.#deliver(sealed, batch)
  }

  async #deliver(sealed: SealedBatch, batch: ActiveBatch): Promise<void> {
    try {
      const keepExhausted = this.#context.store.isDurable || this.#target.guarantee === 'none'
      await this.#context.deliver.deliver(sealed, { keepExhausted })
      tellDone(batch.waiting)
    } catch (error) {
      const reason =
        error instanceof SidecarError
          ? error
          : new SidecarError('DELIVERY_ATTEMPTS_EXHAUSTED', messageOf(error), { cause: error })
      tellFailed(batch.waiting, reason)
    }
  }
}

type RequestRecords = { readonly request: PendingRequest; readonly recordCount: number }

function tellDone(parts: readonly RequestRecords[]): void {
  for (const { request, recordCount: count } of parts) request.recordsDone(count)
}

function tellFailed(parts: readonly RequestRecords[], error: unknown): void {
  for (const { request, recordCount: count } of parts) request.recordsFailed(count, error)
}

/** No copy for a single slice, which is the usual case for large bodies. */
function concatenate(group: Group): Buffer {
  const [first] = group.slices
  if (first !== undefined && group.slices.length === 1) return first.bytes
  const buffers = group.slices.map((slice) => slice.bytes)
  return Buffer.concat(buffers, group.rawBytes)
}
