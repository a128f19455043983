/** What is asked of Kusto about a message that may be under way, one call a step. */
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { IngestionOutcome, Sending } from '../core/ports.ts'
import { replaceMessage } from './attempts.ts'
import {
  longPatienceMs,
  type Arrival,
  type AskingState,
  type Life,
  type Next,
  type StepContext,
} from './batch-life.ts'
import { delivered } from './end.ts'
import { askAgain } from './pace.ts'

type Confirming = Extract<AskingState, { name: 'confirming' | 'looking' }>

/** A question that fails says nothing: it is asked again, and nothing is sent for it. */
export async function ask(context: StepContext, life: Life, state: AskingState): Promise<Next> {
  try {
    return await askOnce(context, life, state)
  } catch (error) {
    life.silence.interrupt()
    context.failingQuestions.note(life.batch.id, life.label, error)
    return unanswered(context, life, state)
  }
}

function unanswered(context: StepContext, life: Life, state: AskingState): Next {
  const { isExactlyOnce, pollTimeoutMs } = life.batch.settlement
  const nowMs = context.clock.monotonic()
  if (state.name === 'confirming') {
    if (!isExactlyOnce && isOverdue(context, life)) return unconfirmed(context, life)
    // Perhaps only the status cannot be asked, and the table can.
    if (isExactlyOnce && nowMs - life.lookedAtMs >= pollTimeoutMs)
      return { state: { ...state, name: 'looking' }, afterMs: 0 }
  }
  if (state.name === 'seen' && nowMs >= state.untilMs) return arrived(context, life, state.sending, 'found')
  return askAgain(context, life, state.name === 'looking' ? { ...state, name: 'confirming' } : state)
}

async function askOnce(context: StepContext, life: Life, state: AskingState): Promise<Next> {
  const { gateway } = context
  const { batch } = life
  const { sending } = state
  switch (state.name) {
    case 'confirming': {
      const outcome = await gateway.statusOf(batch, sending)
      return known(context, life, sending, outcome) ?? silent(context, life, state)
    }
    case 'looking': {
      life.lookedAtMs = context.clock.monotonic()
      const isThere = await gateway.isIngested(batch)
      return isThere === true
        ? seen(context, life, sending)
        : askAgain(context, life, { ...state, name: 'confirming' })
    }
    case 'seen': {
      const outcome = await gateway.statusOf(batch, sending)
      const isPart = outcome.kind === 'failed' && outcome.error.code === 'KUSTO_INGESTION_PARTIAL'
      return isPart
        ? arrivedInPart(context, life, sending, outcome.error)
        : arrived(context, life, sending, 'found')
    }
    case 'doubting': {
      const isThere = await gateway.isIngested(batch)
      if (isThere !== true) return refusedForGood(context, life, state.why)
      return arrived(context, life, sending, 'found', state.why)
    }
    case 'checking': {
      const isThere = await gateway.isIngested(batch)
      if (isThere === true) return seen(context, life, sending)
      return { state: { ...state, name: 'withdrawing' }, afterMs: 0 }
    }
    case 'withdrawing': {
      const isGone = await gateway.withdraw(sending)
      if (state.isDiscarded === true) return fence(life, { name: 'last-look', sending, why: state.why })
      return isGone
        ? fence(life, { name: 'fenced', sending, why: state.why })
        : unfenced(context, life, state)
    }
    case 'fenced': {
      const outcome = await gateway.statusOf(batch, sending)
      // Any other failure may be of our making, since we took the blob away: it tells nothing about the batch.
      const isTelling = outcome.kind !== 'failed' || outcome.error.code === 'KUSTO_INGESTION_PARTIAL'
      const end = isTelling ? known(context, life, sending, outcome) : undefined
      return end ?? { state: { ...state, name: 'last-look' }, afterMs: 0 }
    }
    case 'last-look': {
      const isThere = await gateway.isIngested(batch)
      if (isThere === true) return seen(context, life, sending)
      return replaceMessage(context, life, sending, state.why, { isFenced: true })
    }
  }
}

/** What follows from the end of a message; undefined when it is not known. */
function known(
  context: StepContext,
  life: Life,
  sending: Sending,
  outcome: IngestionOutcome,
): Next | undefined {
  if (outcome.kind === 'pending') return undefined
  if (outcome.kind === 'ingested')
    return arrived(context, life, sending, outcome.isRepeat ? 'repeat' : 'ingested')
  const { error: why } = outcome
  const { isExactlyOnce } = life.batch.settlement
  if (isForNow(outcome)) {
    if (!isExactlyOnce) return replaceMessage(context, life, sending, why, { isFenced: true })
    return { state: { name: 'checking', sending, why, isOver: true }, afterMs: 0 }
  }
  // A part of the batch is in the table either way, so asking the table would tell nothing.
  if (why.code === 'KUSTO_INGESTION_PARTIAL') return arrivedInPart(context, life, sending, why)
  if (!isExactlyOnce) return refusedForGood(context, life, why)
  return { state: { name: 'doubting', sending, why }, afterMs: 0 }
}

function isForNow(outcome: IngestionOutcome): boolean {
  return outcome.kind === 'failed' && outcome.error.disposition !== 'dead-letter'
}

function silent(context: StepContext, life: Life, state: Confirming): Next {
  const { isExactlyOnce, pollTimeoutMs } = life.batch.settlement
  const nowMs = context.clock.monotonic()
  if (!isExactlyOnce) {
    if (isOverdue(context, life)) return unconfirmed(context, life)
    return askAgain(context, life, state, (life.sentAtMs ?? nowMs) + pollTimeoutMs - nowMs)
  }
  life.silence.lasts(nowMs)
  const leftMs = state.patienceMs - life.silence.totalMs
  if (leftMs > 0) return askAgain(context, life, state, leftMs)
  const seconds = Math.round(life.silence.totalMs / 1000)
  const message = `Nothing was heard of an ingestion message for ${seconds} s.`
  const why = new SidecarError('KUSTO_MESSAGE_LOST', message)
  return { state: { name: 'checking', sending: state.sending, why, isOver: false }, afterMs: 0 }
}

function isOverdue({ clock }: StepContext, { batch, sentAtMs }: Life): boolean {
  const nowMs = clock.monotonic()
  return nowMs - (sentAtMs ?? nowMs) >= batch.settlement.pollTimeoutMs
}

/** The table has the batch, perhaps since a moment ago: if only a part of it, the status is about to say so. */
function seen({ clock }: StepContext, { batch }: Life, sending: Sending): Next {
  const { pollIntervalMs, pollTimeoutMs } = batch.settlement
  const untilMs = clock.monotonic() + pollTimeoutMs
  return { state: { name: 'seen', sending, untilMs }, afterMs: pollIntervalMs }
}

/** The blob is gone. Only a message that was being ingested at that moment can still bring rows, and it needs a moment to show. */
function fence(life: Life, state: AskingState): Next {
  const { pollIntervalMs } = life.batch.settlement
  life.askIntervalMs = pollIntervalMs
  return { state, afterMs: Math.max(limits.minGraceMs, 2 * pollIntervalMs) }
}

function unfenced(
  context: StepContext,
  life: Life,
  { sending, why, isOver }: Extract<AskingState, { name: 'checking' | 'withdrawing' }>,
): Next {
  if (isOver) return replaceMessage(context, life, sending, why, { isFenced: true })
  const patienceMs = longPatienceMs(life)
  const leftMs = patienceMs - life.silence.totalMs
  if (leftMs > 0) return askAgain(context, life, { name: 'confirming', sending, patienceMs }, leftMs)
  return replaceMessage(context, life, sending, why, { isFenced: false })
}

/** The rows are where the message was to bring them. */
function arrived(
  context: StepContext,
  life: Life,
  sending: Sending,
  outcome: Arrival,
  why?: SidecarError,
): Next {
  const { stagingTableSuffix, pollIntervalMs, pollTimeoutMs } = life.batch.settlement
  if (stagingTableSuffix === undefined) return ingested(context, life, outcome, why)
  life.askIntervalMs = pollIntervalMs
  const untilMs = context.clock.monotonic() + pollTimeoutMs
  const state = { name: 'committing', sending, outcome, untilMs } as const
  return { state: why === undefined ? state : { ...state, why }, afterMs: 0 }
}

function arrivedInPart(context: StepContext, life: Life, sending: Sending, why: SidecarError): Next {
  // In a staging table the part can be counted, and dropped.
  return life.batch.settlement.stagingTableSuffix === undefined
    ? refusedForGood(context, life, why)
    : arrived(context, life, sending, 'ingested', why)
}

export function ingested(context: StepContext, life: Life, outcome: Arrival, inSpiteOf?: SidecarError): Next {
  confirmed(context, life, outcome)
  const fields = {
    event: 'batch.ingested',
    batchId: life.batch.id,
    destination: life.label,
    recordCount: life.batch.recordCount,
    isRepeat: outcome !== 'ingested',
  }
  if (inSpiteOf === undefined) context.log.info(fields, 'Batch ingested.')
  else
    context.log.warn(
      { ...fields, code: inSpiteOf.code },
      `Batch ingested: the table has it, although its status says otherwise: ${inSpiteOf.message}`,
    )
  return delivered(context, life, 'ingested')
}

function refusedForGood(context: StepContext, life: Life, why: SidecarError): Next {
  const isPartial = why.code === 'KUSTO_INGESTION_PARTIAL'
  confirmed(context, life, isPartial ? 'partial' : 'failed')
  context.log.error(
    { event: 'batch.ingestion_failed', batchId: life.batch.id, destination: life.label, code: why.code },
    isPartial
      ? `${why.message} Kusto has a part of these records and does not say which: all are kept as dead letters, and sending them again would duplicate that part. Compare them with the table before any replay.`
      : `${why.message} Its records are kept as dead letters.`,
  )
  return { state: { name: 'keeping', why }, afterMs: 0 }
}

/** It is in the queue of Kusto, which is all that at-least-once promises. */
function unconfirmed(context: StepContext, life: Life): Next {
  context.metrics.deliveryConfirmations.inc({ outcome: 'unconfirmed' })
  context.log.warn(
    { event: 'batch.unconfirmed', batchId: life.batch.id, destination: life.label },
    `Nothing was heard of the ingestion within ${life.batch.settlement.pollTimeoutMs} ms. Its message is in the queue of Kusto; the batch counts as delivered.`,
  )
  return delivered(context, life, 'unconfirmed')
}

export function confirmed(
  { metrics, clock }: StepContext,
  { sentAtMs }: Life,
  outcome: Arrival | 'failed' | 'partial',
): void {
  metrics.deliveryConfirmations.inc({ outcome })
  if (sentAtMs !== undefined) metrics.deliveryConfirmSeconds.observe((clock.monotonic() - sentAtMs) / 1000)
}
