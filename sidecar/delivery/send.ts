import type { Sending } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { tryAgain } from './attempts.ts'
import type { Life, Next, SendingState, StepContext } from './batch-life.ts'
import { delivered } from './end.ts'
import { startConfirming } from './pace.ts'

/** Uploads the batch and posts its message. For exactly-once the message is on record before it is posted. */
export async function send(context: StepContext, life: Life, state: SendingState): Promise<Next> {
  const { gateway, clock, metrics } = context
  const { batch } = life
  const { isExactlyOnce, isPolled } = batch.settlement
  let again = state
  let sending: Sending
  let reply: 'sent' | 'unknown'
  try {
    const blob = await gateway.upload(batch, state.number, state.blob)
    again = { ...state, blob }
    if (context.isStopped()) return { state: again, afterMs: 0 }
    sending = { number: state.number, blob, startedAtMs: clock.now() }
    if (isExactlyOnce) await batch.recordSending(sending)
    reply = await gateway.enqueue(batch, sending)
  } catch (error) {
    return refused(context, life, again, error)
  }
  life.blob = sending.blob
  metrics.deliveryAttempts.inc({ outcome: reply === 'sent' ? 'queued' : 'unknown' })
  if (isExactlyOnce) return startConfirming(context, life, sending)
  if (reply === 'unknown') {
    const error = new SidecarError(
      'KUSTO_UNAVAILABLE',
      'Whether the ingestion message was posted is unknown.',
    )
    return tryAgain(context, life, error, again)
  }
  return isPolled ? startConfirming(context, life, sending) : queued(context, life)
}

function queued(context: StepContext, life: Life): Next {
  const { id: batchId, recordCount, rawBytes, blobBytes } = life.batch
  context.log.info(
    { event: 'batch.queued', batchId, destination: life.label, recordCount, rawBytes, blobBytes },
    'Batch queued for ingestion.',
  )
  return delivered(context, life, 'queued')
}

/** The message was certainly not posted. */
function refused(context: StepContext, life: Life, state: SendingState, cause: unknown): Next {
  const { metrics, log } = context
  const error =
    cause instanceof SidecarError
      ? cause
      : new SidecarError('KUSTO_UNCLASSIFIED', messageOf(cause), { cause })
  metrics.deliveryAttempts.inc({ outcome: error.code })
  if (error.disposition !== 'dead-letter') return tryAgain(context, life, error, state)
  if (state.earlier !== undefined) {
    log.error(
      { event: 'batch.unsendable', batchId: life.batch.id, destination: life.label, code: error.code },
      `${error.message} An earlier message for the batch may still be under way, so the batch is kept until that is known.`,
    )
    const next = startConfirming(context, life, state.earlier)
    life.sentAtMs = undefined
    return next
  }
  const name = error.code === 'JOURNAL_CORRUPT' ? 'repairing' : 'keeping'
  return { state: { name, why: error }, afterMs: 0 }
}
