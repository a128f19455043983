/** The commit of a batch that goes through a staging table: one step, done again until it is decided. */
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { confirmed, ingested } from './ask.ts'
import type { CommittingState, Life, Next, StepContext } from './batch-life.ts'
import { askAgain } from './pace.ts'

export async function commit(context: StepContext, life: Life, state: CommittingState): Promise<Next> {
  const nowMs = context.clock.monotonic()
  const { pollTimeoutMs } = life.batch.settlement
  try {
    const outcome = await context.gateway.commit(life.batch)
    switch (outcome.kind) {
      case 'committed':
        return ingested(context, life, state.outcome, state.why)
      case 'absent':
        return nowMs < state.untilMs ? askAgain(context, life, state) : vanished(state)
      case 'discarded':
        return discarded(context, life, state, outcome.rowCount)
    }
  } catch (error) {
    context.log.warn(
      { event: 'batch.commit_failed', batchId: life.batch.id, destination: life.label, code: codeOf(error) },
      `The batch is in its staging table and could not be moved: ${messageOf(error)} It is tried again.`,
    )
    // A Kusto that does not answer does not say that the rows are gone.
    return askAgain(context, life, { ...state, untilMs: nowMs + pollTimeoutMs })
  }
}

/** Kusto said that the rows came, and shows them nowhere. */
function vanished(state: CommittingState): Next {
  const message = 'The rows of an ingestion are neither in the staging table nor in its table.'
  return sendAgain(state, new SidecarError('KUSTO_MESSAGE_LOST', message))
}

/** The table has nothing of the batch, so that it can be sent again without harm. */
function discarded(context: StepContext, life: Life, state: CommittingState, rowCount: number): Next {
  const { recordCount, id: batchId } = life.batch
  const times = life.discarded?.rowCount === rowCount ? life.discarded.times + 1 : 1
  life.discarded = { rowCount, times }
  if (times >= context.retry.maxAttempts) return miscounted(context, life, rowCount)
  const message = `The staging table had ${rowCount} rows of a batch of ${recordCount} records; they were dropped.`
  context.log.warn(
    { event: 'batch.rows_discarded', batchId, destination: life.label, recordCount, rowCount },
    message,
  )
  return sendAgain(state, new SidecarError('KUSTO_INGESTION_TRANSIENT', message))
}

/** Its message is withdrawn before, although it seems to be over: what it still brought would be counted with the next one. */
function sendAgain({ sending }: CommittingState, why: SidecarError): Next {
  return { state: { name: 'withdrawing', sending, why, isOver: true, isDiscarded: true }, afterMs: 0 }
}

function miscounted(context: StepContext, life: Life, rowCount: number): Next {
  const { recordCount, id: batchId } = life.batch
  const why = new SidecarError(
    'KUSTO_INGESTION_PARTIAL',
    `Kusto made ${rowCount} rows of the ${recordCount} records of batch ${batchId}, at each attempt. They were dropped from the staging table, ` +
      `and none is in ${life.label}: mend the cause (a mapping, an update policy), then replay the dead letters.`,
  )
  confirmed(context, life, 'partial')
  context.log.error(
    { event: 'batch.ingestion_failed', batchId, destination: life.label, code: why.code, rowCount },
    why.message,
  )
  return { state: { name: 'keeping', why }, afterMs: 0 }
}
