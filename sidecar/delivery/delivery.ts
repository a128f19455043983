/**
 * Drives sealed batches to their end: upload, enqueue, settled.
 *
 * A batch is `waiting` (for its turn, or for its next attempt), `in work`, or settled. It stays in the journal until it is
 * settled, so whatever happens here loses nothing. A failed attempt gives its place to another batch while it waits, and
 * destinations take turns, so one that is refused by Kusto does not hold up the others.
 */
import type {
  Clock,
  DeadLetterSink,
  Deliver,
  KustoGateway,
  Random,
  SealedBatch,
  UploadedBlob,
} from '../core/ports.ts'
import { backoffMs, type RetryPolicy } from '../core/backoff.ts'
import { destinationLabel } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { keepBatchAsDeadLetters } from './keep-batch.ts'
import { TurnQueue } from './turn-queue.ts'

export type DeliveryOptions = {
  readonly gateway: KustoGateway
  readonly deadLetters: DeadLetterSink
  readonly retry: RetryPolicy
  readonly maxInFlight: number
  readonly maxInFlightPerDestination: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
}

type Delivery = {
  batch: SealedBatch
  readonly label: string
  readonly keepExhausted: boolean
  /** Set once the blob is in its container, so that a failed enqueue does not upload it again. */
  blob: UploadedBlob | undefined
  failedAttempts: number
  readonly settled: PromiseWithResolvers<void>
}

export class DeliveryQueue implements Deliver {
  readonly #options: DeliveryOptions
  readonly #turns: TurnQueue<Delivery>
  readonly #unsettled = new Set<Delivery>()
  #idleListeners: (() => void)[] = []
  #isStopped = false

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#turns = new TurnQueue(options.maxInFlight, options.maxInFlightPerDestination, (delivery) =>
      this.#attempt(delivery),
    )
  }

  deliver(batch: SealedBatch, { keepExhausted }: { keepExhausted: boolean }): Promise<void> {
    const label = destinationLabel(batch.destination)
    const delivery: Delivery = {
      batch,
      label,
      keepExhausted,
      blob: undefined,
      failedAttempts: 0,
      settled: Promise.withResolvers(),
    }
    this.#unsettled.add(delivery)
    this.#options.metrics.deliveryWaiting.set(this.#unsettled.size)
    this.#turns.add(label, delivery)
    return delivery.settled.promise
  }

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  /** When the oldest record that is not settled was received, milliseconds since 1970. */
  get oldestReceivedAtMs(): number | undefined {
    let oldest: number | undefined
    for (const { batch } of this.#unsettled) oldest = Math.min(oldest ?? Infinity, batch.receivedAtMs)
    return oldest
  }

  /** Resolves when nothing is left to deliver. */
  async whenIdle(): Promise<void> {
    if (this.#unsettled.size > 0) await new Promise<void>((resolve) => this.#idleListeners.push(resolve))
  }

  /** Starts no further attempt. What is not settled stays in the journal. */
  stop(): void {
    this.#isStopped = true
    this.#turns.stop()
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { gateway, metrics, log } = this.#options
    const { batch } = delivery
    try {
      delivery.blob ??= await gateway.upload(batch)
      await gateway.enqueue(batch, delivery.blob)
    } catch (error) {
      await this.#failed(delivery, error)
      return
    }
    metrics.deliveryAttempts.inc({ outcome: 'queued' })
    metrics.deliverySettledBatches.inc()
    metrics.deliverySettledRecords.inc(batch.recordCount)
    metrics.deliverySettledRawBytes.inc(batch.rawBytes)
    metrics.deliverySettledBlobBytes.inc(batch.blobBytes)
    metrics.deliverySeconds.observe(Math.max(0, this.#options.clock.now() - batch.receivedAtMs) / 1000)
    const { id: batchId, recordCount, rawBytes, blobBytes } = batch
    log.info(
      { event: 'batch.queued', batchId, destination: delivery.label, recordCount, rawBytes, blobBytes },
      'Batch queued for ingestion.',
    )
    await this.#settle(delivery)
  }

  async #failed(delivery: Delivery, cause: unknown): Promise<void> {
    const { metrics, log, clock, retry, random } = this.#options
    const error =
      cause instanceof SidecarError
        ? cause
        : new SidecarError('KUSTO_UNCLASSIFIED', messageOf(cause), { cause })
    metrics.deliveryAttempts.inc({ outcome: error.code })
    if (error.disposition === 'dead-letter') {
      await this.#giveUp(delivery, error)
      return
    }
    delivery.failedAttempts += 1
    const isExhausted = delivery.failedAttempts >= retry.maxAttempts
    const fields = {
      batchId: delivery.batch.id,
      destination: delivery.label,
      code: error.code,
      attempt: delivery.failedAttempts,
    }
    if (isExhausted && !delivery.keepExhausted) {
      log.error(
        { event: 'batch.given_back', ...fields },
        `${error.message} The senders are told to send the records again.`,
      )
      await delivery.batch.remove()
      const message = `The batch could not be delivered in ${retry.maxAttempts} attempts: ${error.message}`
      this.#end(delivery, new SidecarError('DELIVERY_ATTEMPTS_EXHAUSTED', message, { cause: error }))
      return
    }
    const delayMs = isExhausted ? retry.maxIntervalMs : backoffMs(retry, delivery.failedAttempts, random)
    if (isExhausted) delivery.failedAttempts = 0
    log.warn(
      { event: isExhausted ? 'batch.attempts_exhausted' : 'batch.attempt_failed', ...fields, delayMs },
      `${error.message} The batch is kept and tried again.`,
    )
    this.#later(delivery, delayMs, clock)
  }

  #later(delivery: Delivery, delayMs: number, clock: Clock): void {
    clock.after(delayMs, () => {
      if (!this.#isStopped) this.#turns.add(delivery.label, delivery)
    })
  }

  /** The batch as it is will never be taken. */
  async #giveUp(delivery: Delivery, error: SidecarError): Promise<void> {
    const { log, deadLetters, retry, clock } = this.#options
    const fields = { batchId: delivery.batch.id, destination: delivery.label, code: error.code }
    try {
      if (error.code === 'JOURNAL_CORRUPT') {
        const repaired = await delivery.batch.repair()
        log.error(
          { event: 'batch.damaged', ...fields, recordCount: repaired?.recordCount ?? 0 },
          error.message,
        )
        if (repaired === undefined) this.#end(delivery)
        else this.#replace(delivery, repaired)
        return
      }
      await keepBatchAsDeadLetters(delivery.batch, error, deadLetters)
      log.error(
        { event: 'batch.dead_lettered', ...fields, recordCount: delivery.batch.recordCount },
        error.message,
      )
      await this.#settle(delivery)
    } catch (keepError) {
      log.error(
        { event: 'batch.dead_letter_failed', ...fields, cause: codeOf(keepError) },
        messageOf(keepError),
      )
      this.#later(delivery, retry.maxIntervalMs, clock)
    }
  }

  #replace(delivery: Delivery, batch: SealedBatch): void {
    delivery.batch = batch
    delivery.blob = undefined
    this.#turns.add(delivery.label, delivery)
  }

  async #settle(delivery: Delivery): Promise<void> {
    await delivery.batch.remove()
    this.#end(delivery)
  }

  #end(delivery: Delivery, error?: SidecarError): void {
    this.#unsettled.delete(delivery)
    this.#options.metrics.deliveryWaiting.set(this.#unsettled.size)
    if (error === undefined) delivery.settled.resolve()
    else delivery.settled.reject(error)
    if (this.#unsettled.size === 0) for (const listener of this.#idleListeners.splice(0)) listener()
  }
}
