/**
 * The life of one sealed batch, as a state machine. Each state is one step: something is done or asked, and what came of it
 * decides the next state. `send.ts`, `ask.ts` and `end.ts` hold the steps; `delivery.ts` runs them, one at a time for a batch.
 *
 * | State         | What is done                 | What came of it                      | Next                                                |
 * | ------------- | ---------------------------- | ------------------------------------ | --------------------------------------------------- |
 * | `sending`     | upload, record*, enqueue     | sent; for exactly-once, unknown too  | `confirming`; `settling` when nothing is to be asked |
 * |               |                              | refused for now                      | `sending`, the same number, later                   |
 * |               |                              | refused for good                     | `keeping`                                           |
 * |               |                              | the file is damaged                  | `repairing`                                         |
 * |               |                              | either, an earlier message may live* | `confirming` that one                               |
 * | `confirming`  | ask for the status           | ingested                             | `settling`                                          |
 * |               |                              | pending                              | `confirming`, later                                 |
 * |               |                              | pending for too long*                | `checking`                                          |
 * |               |                              | pending for too long                 | `settling`, unconfirmed                             |
 * |               |                              | failed for now*                      | `checking`                                          |
 * |               |                              | failed for now                       | `sending`, the next number, later                   |
 * |               |                              | failed for good*                     | `doubting`                                          |
 * |               |                              | failed for good, or in part          | `keeping`                                           |
 * |               |                              | unanswered for long*                 | `looking`                                           |
 * | `looking`*    | ask the table                | it has the batch                     | `seen`, after a moment                              |
 * |               |                              | it has not, or no answer             | `confirming`, later                                 |
 * | `doubting`*   | ask the table                | it has the batch                     | `settling`, with a warning                          |
 * |               |                              | it has not                           | `keeping`                                           |
 * | `checking`*   | ask the table                | it has the batch                     | `seen`, after a moment                              |
 * |               |                              | it has not                           | `withdrawing`                                       |
 * | `withdrawing`*| delete the blob of a message | gone                                 | `fenced`, after a grace                             |
 * |               |                              | not allowed, the message is over     | `sending`, the next number                          |
 * |               |                              | not allowed                          | `confirming`, for long; then `sending`              |
 * | `fenced`*     | ask for the status           | ingested                             | `settling`                                          |
 * |               |                              | ingested in part                     | `keeping`                                           |
 * |               |                              | anything else                        | `last-look`                                         |
 * | `last-look`*  | ask the table                | it has the batch                     | `seen`, after a moment                              |
 * |               |                              | it has not                           | `sending`, the next number                          |
 * | `seen`*       | ask for the status           | ingested in part                     | `keeping`                                           |
 * |               |                              | anything else, or no answer for long | `settling`                                          |
 * | `committing`**| count and move the rows      | moved, now or earlier                | `settling`                                          |
 * |               |                              | not as many as records, dropped      | `withdrawing`, then `last-look`                     |
 * |               |                              | so each time                         | `keeping`                                           |
 * |               |                              | in neither table                     | `committing`, for long; then `withdrawing`          |
 * | `keeping`     | write dead letters           | done                                 | `settling`                                          |
 * | `repairing`   | repair the file              | a new batch                          | `sending` it, or `keeping` it                       |
 * |               |                              | nothing was whole                    | `ended`                                             |
 * | `settling`    | write its row, remove the file | done                               | `ended`                                             |
 *
 * `*`: only for exactly-once. `**`: only with a staging table, and then in place of each `settling` and `keeping` that follows from rows
 * that are in the table, or a part of them; asking the table then means both tables. A step that fails in another way (Kusto is away, the disk is full) is done again later, in the same state.
 *
 * What is durable: the file of the batch, and for exactly-once the last `Sending`. So a later process begins in `sending` when none is
 * recorded, and else in `confirming`.
 */
import type {
  Checkpoints,
  Clock,
  DeadLetterSink,
  KustoGateway,
  Random,
  SealedBatch,
  Sending,
  SettledAs,
  UploadedBlob,
} from '../core/ports.ts'
import type { RetryPolicy } from '../core/backoff.ts'
import { destinationLabel } from '../core/destination.ts'
import type { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { FailingQuestions } from './failing-questions.ts'
import { Silence } from './silence.ts'

export type SendingState = {
  readonly name: 'sending'
  readonly number: number
  /** Where the blob of this number is, once it was uploaded. */
  readonly blob?: UploadedBlob
  /** A message with a lower number that may still be under way, since Kusto did not let us withdraw it. */
  readonly earlier?: Sending
}

export type AskingState =
  | { readonly name: 'confirming' | 'looking'; readonly sending: Sending; readonly patienceMs: number }
  /** `untilMs`: when the table is believed although the status cannot be asked, by the monotonic clock. */
  | { readonly name: 'seen'; readonly sending: Sending; readonly untilMs: number }
  | { readonly name: 'doubting'; readonly sending: Sending; readonly why: SidecarError }
  | {
      readonly name: 'checking' | 'withdrawing'
      readonly sending: Sending
      readonly why: SidecarError
      /** Kusto said that this message is over. */
      readonly isOver: boolean
      /** What it brought to the staging table was dropped, so that its status tells nothing any more. */
      readonly isDiscarded?: boolean
    }
  | { readonly name: 'fenced' | 'last-look'; readonly sending: Sending; readonly why: SidecarError }

/** How the rows of a message came: as it said, by an earlier message, or seen in the table alone. */
export type Arrival = 'ingested' | 'repeat' | 'found'

export type CommittingState = {
  readonly name: 'committing'
  readonly sending: Sending
  readonly outcome: Arrival
  /** In spite of what Kusto said of the message. */
  readonly why?: SidecarError
  /** When rows that are nowhere count as lost, by the monotonic clock. */
  readonly untilMs: number
}

export type EndingState =
  | { readonly name: 'keeping'; readonly why: SidecarError }
  /** `keepAs`: the records that are whole are dead letters, for this reason. */
  | { readonly name: 'repairing'; readonly why: SidecarError; readonly keepAs?: SidecarError }
  /** Nothing more is owed, or, with `error`, the senders are to send again. */
  | { readonly name: 'settling'; readonly outcome: SettledAs; readonly error?: SidecarError }

export type State =
  | SendingState
  | AskingState
  | CommittingState
  | EndingState
  | { readonly name: 'ended'; readonly error?: SidecarError }

/** The next state, and after how long its step is to be done. */
export type Next = { readonly state: State; readonly afterMs: number }

export type Life = {
  batch: SealedBatch
  readonly label: string
  /** Whether the batch is kept when its attempts are used up, because nobody else has its records. */
  readonly keepExhausted: boolean
  state: State
  /** Attempts that failed and messages that were replaced, since the last rest. */
  failures: number
  /** Messages that were replaced because nothing was heard of them. */
  lostMessages: number
  silence: Silence
  /** When the table was asked last because the status could not be, at first when asking began; by the monotonic clock. */
  lookedAtMs: number
  /** Between the last question and the next. */
  askIntervalMs: number
  /** Of the last message. */
  blob: UploadedBlob | undefined
  /** When this process posted the message that is under way, by the monotonic clock. */
  sentAtMs: number | undefined
  /** How many rows were dropped from the staging table the last time, and how often so many in a row. */
  discarded?: { readonly rowCount: number; readonly times: number }
}

/** What the steps work with. */
export type StepContext = {
  readonly gateway: KustoGateway
  readonly deadLetters: DeadLetterSink
  /** Undefined when nobody asked for an audit trail. */
  readonly checkpoints?: Checkpoints | undefined
  readonly retry: RetryPolicy
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  readonly failingQuestions: FailingQuestions
  isStopped(): boolean
}

export function newLife({ clock }: StepContext, batch: SealedBatch, keepExhausted: boolean): Life {
  const { settlement, sending } = batch
  const life: Life = {
    batch,
    label: destinationLabel(batch.destination),
    // Of a batch that is given back, a message may be under way.
    keepExhausted: keepExhausted || settlement.isExactlyOnce,
    state: { name: 'sending', number: 0 },
    failures: 0,
    lostMessages: 0,
    silence: new Silence(clock.monotonic()),
    lookedAtMs: clock.monotonic(),
    askIntervalMs: settlement.pollIntervalMs,
    blob: sending?.blob,
    sentAtMs: undefined,
  }
  if (settlement.isExactlyOnce && sending !== undefined) {
    life.state = { name: 'confirming', sending, patienceMs: patienceMs(life) }
  }
  return life
}

/**
 * How long nothing may be heard of a message. Twice as long after each one that was lost, since otherwise a Kusto whose queue is
 * longer than that would have each message withdrawn before it comes to it.
 */
export function patienceMs({ batch, lostMessages }: Life): number {
  return batch.settlement.pollTimeoutMs * 2 ** Math.min(lostMessages, limits.patienceDoublings)
}

/** How long nothing must have been heard of a message that could not be withdrawn, before another one is sent beside it. */
export function longPatienceMs(life: Life): number {
  return Math.max(limits.unfencedPatienceFactor * life.batch.settlement.pollTimeoutMs, patienceMs(life))
}
