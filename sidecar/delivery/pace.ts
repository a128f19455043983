import { limits } from '../core/limits.ts'
import type { Sending } from '../core/ports.ts'
import {
  patienceMs,
  type AskingState,
  type CommittingState,
  type Life,
  type Next,
  type StepContext,
} from './batch-life.ts'
import { Silence } from './silence.ts'

/** The message is under way, and what became of it is asked from now on. */
export function startConfirming(context: StepContext, life: Life, sending: Sending): Next {
  const nowMs = context.clock.monotonic()
  life.silence = new Silence(nowMs)
  life.sentAtMs = nowMs
  life.lookedAtMs = nowMs
  life.askIntervalMs = life.batch.settlement.pollIntervalMs
  return {
    state: { name: 'confirming', sending, patienceMs: patienceMs(life) },
    afterMs: jittered(context, life.askIntervalMs),
  }
}

/**
 * The same question again. For exactly-once later each time, since it is asked for as long as it takes. `atMostMs`: when it will be of
 * interest at the latest.
 */
export function askAgain(
  context: StepContext,
  life: Life,
  state: AskingState | CommittingState,
  atMostMs = Infinity,
): Next {
  const afterMs = Math.min(jittered(context, life.askIntervalMs), Math.max(1, atMostMs))
  const { isExactlyOnce, pollIntervalMs } = life.batch.settlement
  if (isExactlyOnce)
    life.askIntervalMs = Math.max(
      pollIntervalMs,
      Math.min(life.askIntervalMs * limits.questionIntervalGrowth, limits.questionMaxIntervalMs),
    )
  return { state, afterMs }
}

/** A little more or less, so that batches that were sent together are not asked for together. */
function jittered({ random }: StepContext, ms: number): number {
  return Math.round(ms * (0.8 + 0.4 * random.next()))
}
