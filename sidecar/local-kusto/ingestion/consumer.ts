/**
 * Takes ingestion messages from the queues, keeps them for the batching time, and ingests them one after the other in the
 * order in which they came. A message is deleted when its outcome is reported, so one that is lost on the way is seen again.
 */
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue'
import type { Faults } from '../faults.ts'
import type { IngestionMessage } from './message.ts'
import { parseIngestionMessage } from './message.ts'
import { failed, IngestionError, type Outcome } from './outcome.ts'

export type Ingestion = { readonly message: IngestionMessage | undefined; readonly outcome: Outcome }

type Held = {
  readonly queue: QueueClient
  readonly item: DequeuedMessageItem
  readonly dueMs: number
  readonly message: IngestionMessage | undefined
  /** Known when only the report is left to do. */
  readonly outcome?: Outcome
}

/** How often the queues are asked while nothing comes. Each time costs three requests to Azurite. */
const pollMs = 250
/** No message is given out twice while it is held; longer than any ingestion takes here. */
const visibilitySecs = 600
const messagesPerPoll = 32
const reportRetryMs = 500
/** What closing waits for an ingestion in work; after that its requests are cut off. */
const closeGraceMs = 1_000
/** Messages held at once; the others wait in their queues. */
const maxHeld = 1_000

export class Consumer {
  readonly #queues: readonly QueueClient[]
  readonly #batchingTimeMs: number
  readonly #faults: Faults
  readonly #ingest: (message: IngestionMessage, signal: AbortSignal) => Promise<Outcome>
  readonly #report: (message: IngestionMessage, outcome: Outcome, signal: AbortSignal) => Promise<void>
  readonly #onIngestion: (ingestion: Ingestion) => void
  #held: Held[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isTurning = false
  #isAwake = false
  readonly #cutOff = new AbortController()
  #turn: Promise<void> = Promise.resolve()

  /** `ingest` never rejects. The signal is for closing. When `report` does, because storage did, it is called again later. */
  constructor(options: {
    queues: readonly QueueClient[]
    batchingTimeMs: number
    faults: Faults
    ingest: (message: IngestionMessage, signal: AbortSignal) => Promise<Outcome>
    report: (message: IngestionMessage, outcome: Outcome, signal: AbortSignal) => Promise<void>
    onIngestion: (ingestion: Ingestion) => void
  }) {
    this.#queues = options.queues
    this.#batchingTimeMs = options.batchingTimeMs
    this.#faults = options.faults
    this.#ingest = options.ingest
    this.#report = options.report
    this.#onIngestion = options.onIngestion
  }

  start(): void {
    this.#scheduleTurn()
  }

  /** Stops, and makes what is held visible in the queues again. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const grace = setTimeout(() => {
      this.#cutOff.abort()
    }, closeGraceMs)
    await this.#turn
    const held = this.#held
    this.#held = []
    await Promise.allSettled(
      held.map(({ queue, item }) =>
        queue.updateMessage(item.messageId, item.popReceipt, item.messageText, 0, {
          abortSignal: this.#cutOff.signal,
        }),
      ),
    )
    clearTimeout(grace)
  }

  /** To be called when a message may have come; without it the message is found at the next poll. */
  wake(): void {
    this.#isAwake = true
    this.#scheduleTurn()
  }

  #scheduleTurn(): void {
    if (this.#isClosed || this.#isTurning) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#isTurning = true
      this.#isAwake = false
      this.#turn = this.#takeTurn().finally(() => {
        this.#isTurning = false
        this.#scheduleTurn()
      })
    }, this.#waitMs())
  }

  /** Until the next message is due or a poll is. */
  #waitMs(): number {
    if (this.#faults.pauseIngestion) return pollMs
    if (this.#isAwake) return 0
    const nextDueMs = Math.min(...this.#held.map(({ dueMs }) => dueMs)) - Date.now()
    return Math.max(0, Math.min(pollMs, nextDueMs))
  }

  async #takeTurn(): Promise<void> {
    if (this.#faults.pauseIngestion) return
    // A storage fault that a test switched on, or a server that is closing: the next turn tries again.
    await Promise.allSettled(this.#queues.map((queue) => this.#receive(queue)))
    while (!this.#isClosed && !this.#faults.pauseIngestion) {
      const now = Date.now()
      const index = this.#held.findIndex(({ dueMs }) => dueMs <= now)
      const [next] = index < 0 ? [] : this.#held.splice(index, 1)
      if (next === undefined) return
      await this.#settle(next)
    }
  }

  async #receive(queue: QueueClient): Promise<void> {
    if (this.#held.length >= maxHeld) return
    const { receivedMessageItems } = await queue.receiveMessages({
      numberOfMessages: messagesPerPoll,
      visibilityTimeout: visibilitySecs,
      abortSignal: this.#cutOff.signal,
    })
    for (const item of receivedMessageItems) {
      const message = parseIngestionMessage(item.messageText)
      const batchingMs = message === undefined || message.flushImmediately ? 0 : this.#batchingTimeMs
      const dueMs = Date.now() + batchingMs + this.#faults.ingestionDelayMs
      this.#held.push({ queue, item, dueMs, message })
    }
  }

  async #settle(held: Held): Promise<void> {
    const { queue, item, message } = held
    const { signal } = this.#cutOff
    if (held.outcome === undefined && this.#faults.lostMessages > 0) {
      this.#faults.lostMessages -= 1
      await queue
        .deleteMessage(item.messageId, item.popReceipt, { abortSignal: signal })
        .catch(() => undefined)
      return
    }
    const outcome =
      held.outcome ?? (message === undefined ? unreadable() : await this.#ingest(message, signal))
    if (signal.aborted && outcome.status !== 'Succeeded') {
      this.#held.push(held)
      return
    }
    try {
      if (message !== undefined) await this.#report(message, outcome, signal)
      await queue.deleteMessage(item.messageId, item.popReceipt, { abortSignal: signal })
    } catch {
      this.#held.push({ ...held, outcome, dueMs: Date.now() + reportRetryMs })
      return
    }
    this.#onIngestion({ message, outcome })
  }
}

function unreadable(): Outcome {
  return failed(new IngestionError('BadRequest_InvalidMessage', 'The ingestion message cannot be read.'))
}
