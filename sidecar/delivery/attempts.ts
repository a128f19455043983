import { backoffMs } from '../core/backoff.ts'
import { SidecarError } from '../core/errors.ts'
import type { Sending } from '../core/ports.ts'
import type { Life, Next, SendingState, StepContext } from './batch-life.ts'

/** An attempt failed: another one follows after a pause. */
export function tryAgain(context: StepContext, life: Life, error: SidecarError, again: SendingState): Next {
  const pause = pauseAfterFailure(context, life)
  if (pause === 'given up') return giveBack(context, life, error)
  context.log.warn(
    {
      event: pause.isRest ? 'batch.attempts_exhausted' : 'batch.attempt_failed',
      batchId: life.batch.id,
      destination: life.label,
      code: error.code,
      delayMs: pause.afterMs,
    },
    `${error.message} The batch is kept and tried again.`,
  )
  return { state: again, afterMs: pause.afterMs }
}

/**
 * Another message takes the place of `old`, which failed or of which nothing is heard. `isFenced` is false when the old one could not be
 * withdrawn and may still be under way.
 */
export function replaceMessage(
  context: StepContext,
  life: Life,
  old: Sending,
  why: SidecarError,
  { isFenced }: { isFenced: boolean },
): Next {
  const { log, metrics } = context
  const pause = pauseAfterFailure(context, life)
  if (pause === 'given up') return giveBack(context, life, why)
  if (why.code === 'KUSTO_MESSAGE_LOST') life.lostMessages += 1
  const number = old.number + 1
  metrics.deliveryReplacedMessages.inc({ reason: why.code })
  log.warn(
    {
      event: 'batch.message_replaced',
      batchId: life.batch.id,
      destination: life.label,
      code: why.code,
      number,
      isFenced,
      delayMs: pause.afterMs,
    },
    isFenced
      ? `${why.message} The batch is sent again.`
      : `${why.message} The batch is sent again, although the blob of that message could not be deleted: should it come after all, only the tag of the batch keeps Kusto from ingesting it twice.`,
  )
  const state = { name: 'sending', number } as const
  return { state: isFenced ? state : { ...state, earlier: old }, afterMs: pause.afterMs }
}

/** After `retry.maxAttempts` in a row a long rest, or, for a batch whose senders still have its records, the end. */
function pauseAfterFailure(
  { retry, random }: StepContext,
  life: Life,
): { readonly afterMs: number; readonly isRest: boolean } | 'given up' {
  life.failures += 1
  if (life.failures < retry.maxAttempts)
    return { afterMs: backoffMs(retry, life.failures, random), isRest: false }
  if (!life.keepExhausted) return 'given up'
  life.failures = 0
  return { afterMs: retry.maxIntervalMs, isRest: true }
}

function giveBack({ log, retry }: StepContext, { batch, label }: Life, cause: SidecarError): Next {
  log.error(
    { event: 'batch.given_back', batchId: batch.id, destination: label, code: cause.code },
    `${cause.message} The senders are told to send the records again.`,
  )
  const message = `The batch could not be delivered in ${retry.maxAttempts} attempts: ${cause.message}`
  const error = new SidecarError('DELIVERY_ATTEMPTS_EXHAUSTED', message, { cause })
  return { state: { name: 'settling', outcome: 'void', error }, afterMs: 0 }
}
