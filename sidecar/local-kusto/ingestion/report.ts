/** Tells the client how an ingestion ended: in the row of the status table, or on the queues, as the message asks. */
import { randomUUID } from 'node:crypto'
import type { QueueClient } from '@azure/storage-queue'
import { isLoopback } from './blob.ts'
import type { IngestionMessage, StatusEntity } from './message.ts'
import type { Outcome } from './outcome.ts'

type Queues = { readonly failedQueue: QueueClient; readonly successfulQueue: QueueClient }

const requestTimeoutMs = 10_000

/** Rejects when storage refuses, so that the caller can try again. */
export async function report(
  message: IngestionMessage,
  outcome: Outcome,
  queues: Queues,
  signal: AbortSignal,
): Promise<void> {
  const facts = factsOf(message, outcome)
  if (message.statusTable !== undefined)
    await writeEntity(message.statusTable, { ...facts, Status: outcome.status }, signal)
  if (message.reportMethod === 'table' || message.reportLevel === 'none') return
  const hasSucceeded = outcome.status === 'Succeeded'
  if (hasSucceeded && message.reportLevel === 'failures') return
  const now = new Date().toISOString()
  const text = JSON.stringify(hasSucceeded ? { ...facts, SucceededOn: now } : { ...facts, FailedOn: now })
  await (hasSucceeded ? queues.successfulQueue : queues.failedQueue).sendMessage(
    Buffer.from(text).toString('base64'),
    { abortSignal: signal },
  )
}

/** The fields that a status row and a queue message share. */
function factsOf(message: IngestionMessage, outcome: Outcome): Readonly<Record<string, string | boolean>> {
  const shared = {
    OperationId: randomUUID(),
    ActivityId: randomUUID(),
    Database: message.database,
    Table: message.table,
    IngestionSourceId: message.sourceId,
    // Without its SAS, which would let any reader of the status delete the blob.
    IngestionSourcePath: message.blobUrl.split('?')[0] ?? '',
    OriginatesFromUpdatePolicy: false,
  }
  if (outcome.status === 'Succeeded') return shared
  return {
    ...shared,
    ErrorCode: outcome.errorCode,
    FailureStatus: outcome.failureStatus,
    Details: outcome.details,
    ShouldRetry: outcome.failureStatus === 'Transient',
  }
}

/** Merges into the row that the client wrote, or makes it. */
async function writeEntity(
  entity: StatusEntity,
  facts: Readonly<Record<string, string | boolean>>,
  signal: AbortSignal,
): Promise<void> {
  if (!isLoopback(entity.tableUrl)) throw new Error('The status table is not on this machine.')
  const url = new URL(entity.tableUrl)
  const key = (text: string): string => encodeURIComponent(text.replaceAll("'", "''"))
  url.pathname += `(PartitionKey='${key(entity.partitionKey)}',RowKey='${key(entity.rowKey)}')`
  const response = await fetch(url, {
    method: 'PATCH',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json;odata=nometadata',
      'x-ms-version': '2019-02-02',
    },
    body: JSON.stringify({
      ...facts,
      'OperationId@odata.type': 'Edm.Guid',
      'ActivityId@odata.type': 'Edm.Guid',
      UpdatedOn: new Date().toISOString(),
      'UpdatedOn@odata.type': 'Edm.DateTime',
    }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`The status table answered ${response.status}.`)
}
