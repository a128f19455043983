/**
 * Drives sealed batches to their end: upload, message, and, where the settlement of the batch asks for it, the answer of Kusto.
 *
 * A batch stays in the journal until it is settled, so whatever happens here loses nothing. What happens to one batch is in `batch-life.ts`;
 * here is when. Uploads have few places, for which destinations take turns, so that one that is refused by Kusto does not hold up the others.
 * Batches that wait for an answer or for their next attempt hold no place; their questions have bounds of their own.
 */
import type {
  Checkpoints,
  Clock,
  DeadLetterSink,
  Deliver,
  KustoGateway,
  Random,
  SealedBatch,
} from '../core/ports.ts'
import type { RetryPolicy } from '../core/backoff.ts'
import type { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { ask } from './ask.ts'
import {
  newLife,
  type AskingState,
  type CommittingState,
  type Life,
  type Next,
  type State,
  type StepContext,
} from './batch-life.ts'
import { commit } from './commit.ts'
import { end } from './end.ts'
import { FailingQuestions } from './failing-questions.ts'
import { QuestionQueue } from './question-queue.ts'
import { send } from './send.ts'
import { TurnQueue } from './turn-queue.ts'

export type DeliveryOptions = {
  readonly gateway: KustoGateway
  readonly deadLetters: DeadLetterSink
  /** Undefined when nobody asked for an audit trail. */
  readonly checkpoints?: Checkpoints | undefined
  readonly retry: RetryPolicy
  readonly maxInFlight: number
  readonly maxInFlightPerDestination: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
}

type Delivery = {
  readonly life: Life
  readonly settled: PromiseWithResolvers<void>
  /** When its last question was due: what follows from the answer at once is due as long. */
  questionDueMs: number
}

export class DeliveryQueue implements Deliver {
  readonly #context: StepContext
  readonly #turns: TurnQueue<Delivery>
  readonly #questions: QuestionQueue
  readonly #unsettled = new Set<Delivery>()
  #awaitingCount = 0
  #idleListeners: (() => void)[] = []
  #isStopped = false

  constructor(options: DeliveryOptions) {
    const { clock, log, maxInFlight, maxInFlightPerDestination } = options
    const failingQuestions = new FailingQuestions(clock, log)
    this.#context = { ...options, failingQuestions, isStopped: () => this.#isStopped }
    this.#turns = new TurnQueue(maxInFlight, maxInFlightPerDestination, (delivery) => this.#step(delivery))
    this.#questions = new QuestionQueue(clock, {
      maxInFlight: limits.questionsInFlight,
      perSecond: limits.questionsPerSecond,
    })
  }

  deliver(batch: SealedBatch, { keepExhausted }: { keepExhausted: boolean }): Promise<void> {
    const life = newLife(this.#context, batch, keepExhausted)
    const delivery = { life, settled: Promise.withResolvers<void>(), questionDueMs: this.#nowMs }
    this.#unsettled.add(delivery)
    this.#context.metrics.deliveryWaiting.set(this.#unsettled.size)
    this.#countAwaiting(isAsking(life.state) ? 1 : 0)
    this.#schedule(delivery, { state: life.state, afterMs: 0 })
    return delivery.settled.promise
  }

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  /** When the oldest record that is not settled was received, milliseconds since 1970. */
  get oldestReceivedAtMs(): number | undefined {
    let oldest: number | undefined
    for (const { life } of this.#unsettled) oldest = Math.min(oldest ?? Infinity, life.batch.receivedAtMs)
    return oldest
  }

  /** Resolves when nothing is left to deliver. */
  async whenIdle(): Promise<void> {
    if (this.#unsettled.size > 0) await new Promise<void>((resolve) => this.#idleListeners.push(resolve))
  }

  /** Starts no further attempt and asks no further question. What is not settled stays in the journal. */
  stop(): void {
    this.#isStopped = true
    this.#turns.stop()
    this.#questions.stop()
  }

  get #nowMs(): number {
    return this.#context.clock.monotonic()
  }

  /** One step at a time for a batch: the next one is scheduled by the end of this one. */
  async #step(delivery: Delivery): Promise<void> {
    const { life } = delivery
    const before = life.state
    const next = await this.#take(life)
    life.state = next.state
    this.#countAwaiting(Number(isAsking(next.state)) - Number(isAsking(before)))
    this.#schedule(delivery, next)
  }

  async #take(life: Life): Promise<Next> {
    const { state } = life
    if (state.name === 'sending') return send(this.#context, life, state)
    if (state.name === 'committing') return commit(this.#context, life, state)
    if (isAsking(state)) return ask(this.#context, life, state)
    if (state.name === 'ended') return { state, afterMs: 0 }
    return end(this.#context, life, state)
  }

  #schedule(delivery: Delivery, { state, afterMs }: Next): void {
    if (state.name === 'ended') {
      this.#end(delivery, state.error)
    } else if (isAsking(state)) {
      if (afterMs > 0) delivery.questionDueMs = this.#nowMs + afterMs
      this.#questions.add(delivery.questionDueMs, () => this.#step(delivery))
    } else if (afterMs > 0) {
      this.#context.clock.after(afterMs, () => {
        if (!this.#isStopped) this.#schedule(delivery, { state, afterMs: 0 })
      })
    } else if (state.name === 'settling') {
      // Needs no place, and is not held up by a stop: nothing more is owed.
      void this.#step(delivery)
    } else {
      this.#turns.add(delivery.life.label, delivery)
    }
  }

  #countAwaiting(change: number): void {
    this.#awaitingCount += change
    this.#context.metrics.deliveryAwaitingAnswer.set(this.#awaitingCount)
  }

  #end(delivery: Delivery, error?: SidecarError): void {
    this.#unsettled.delete(delivery)
    this.#context.metrics.deliveryWaiting.set(this.#unsettled.size)
    if (error === undefined) delivery.settled.resolve()
    else delivery.settled.reject(error)
    if (this.#unsettled.size === 0) for (const listener of this.#idleListeners.splice(0)) listener()
  }
}

function isAsking(state: State): state is AskingState | CommittingState {
  return 'sending' in state
}
