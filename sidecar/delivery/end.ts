/** How a batch ends: delivered, kept as dead letters, or repaired and begun anew. */
import { codeOf, messageOf, type SidecarError } from '../core/errors.ts'
import type { SealedBatch } from '../core/ports.ts'
import { newLife, type EndingState, type Life, type Next, type StepContext } from './batch-life.ts'
import { keepBatchAsDeadLetters } from './keep-batch.ts'

/** Kusto has the batch, as far as its settlement asks for. */
export function delivered(
  { metrics, clock }: StepContext,
  { batch }: Life,
  outcome: 'ingested' | 'queued' | 'unconfirmed',
): Next {
  metrics.deliverySettledBatches.inc()
  metrics.deliverySettledRecords.inc(batch.recordCount)
  metrics.deliverySettledRawBytes.inc(batch.rawBytes)
  metrics.deliverySettledBlobBytes.inc(batch.blobBytes)
  metrics.deliverySeconds.observe(Math.max(0, clock.now() - batch.receivedAtMs) / 1000)
  return { state: { name: 'settling', outcome }, afterMs: 0 }
}

export async function end(context: StepContext, life: Life, state: EndingState): Promise<Next> {
  const { log, retry } = context
  const fields = { batchId: life.batch.id, destination: life.label }
  try {
    switch (state.name) {
      case 'keeping':
        return await keep(context, life, state.why)
      case 'repairing':
        return await repair(context, life, state.why, state.keepAs)
      case 'settling':
        // Its row first: a death between the two makes the row again, and the other way round it would be missing.
        await context.checkpoints?.settled({ batch: life.batch, outcome: state.outcome, blob: life.blob })
        await life.batch.remove()
        return { state: endOf(state), afterMs: 0 }
    }
  } catch (error) {
    const event = state.name === 'settling' ? 'batch.remove_failed' : 'batch.dead_letter_failed'
    log.error({ event, ...fields, cause: codeOf(error) }, messageOf(error))
    return { state, afterMs: retry.maxIntervalMs }
  }
}

/** The batch as it is will never be taken. */
async function keep({ log, deadLetters }: StepContext, life: Life, why: SidecarError): Promise<Next> {
  const { batch, label: destination } = life
  try {
    await keepBatchAsDeadLetters(batch, why, deadLetters)
  } catch (error) {
    if (codeOf(error) !== 'JOURNAL_CORRUPT') throw error
    return { state: { name: 'repairing', why: error as SidecarError, keepAs: why }, afterMs: 0 }
  }
  log.error(
    {
      event: 'batch.dead_lettered',
      batchId: batch.id,
      destination,
      code: why.code,
      recordCount: batch.recordCount,
    },
    why.message,
  )
  return { state: { name: 'settling', outcome: 'dead_letter' }, afterMs: 0 }
}

function endOf({ error }: Extract<EndingState, { name: 'settling' }>): Next['state'] {
  return error === undefined ? { name: 'ended' } : { name: 'ended', error }
}

async function repair(
  context: StepContext,
  life: Life,
  why: SidecarError,
  keepAs: SidecarError | undefined,
): Promise<Next> {
  const { id: batchId } = life.batch
  const repaired = await life.batch.repair()
  context.log.error(
    {
      event: 'batch.damaged',
      batchId,
      destination: life.label,
      code: why.code,
      recordCount: repaired?.recordCount ?? 0,
    },
    why.message,
  )
  if (repaired === undefined) return { state: { name: 'ended' }, afterMs: 0 }
  return { state: begin(context, life, repaired, keepAs), afterMs: 0 }
}

/** The repaired batch has an id of its own, so its life begins anew. */
function begin(
  context: StepContext,
  life: Life,
  batch: SealedBatch,
  keepAs: SidecarError | undefined,
): Next['state'] {
  Object.assign(life, newLife(context, batch, life.keepExhausted))
  return keepAs === undefined ? life.state : { name: 'keeping', why: keepAs }
}
