/**
 * What a row of the status table means for the batch. Pure; the table of cases is its test.
 * Source: learn.microsoft.com, "Ingestion status", and for what is undocumented there the reports collected in decision 0013.
 */
import { SidecarError, type ErrorCode } from '../core/errors.ts'
import type { IngestionOutcome } from '../core/ports.ts'
import { explain } from './ingestion-codes.ts'
import type { StatusRow } from './status-table.ts'

export const staleTokenCode = 'BadRequest_InvalidKustoIdentityToken'

/** Codes of failures that Kusto calls permanent and a new message can end well. */
const worthAnotherMessage = new Set(['General_RetryAttemptsExceeded', staleTokenCode])

const tableUnknown = new Set([
  'BadRequest_TableNotExist',
  'BadRequest_EntityNotFound',
  'BadRequest_TableAccessDenied',
])

/** Which ingestion it is, for the messages of errors. */
export type IngestionName = {
  readonly batchId: string
  /** `database.table`. */
  readonly destination: string
  readonly sourceId: string
  /** Into a table that the sidecar makes. */
  readonly isStaged?: boolean
}

/** `row` is undefined when there is none. */
export function outcomeOf(row: StatusRow | undefined, name: IngestionName): IngestionOutcome {
  if (row === undefined || row.status === 'Pending' || row.status === 'Queued') return { kind: 'pending' }
  // Whatever the status says: sources disagree whether it is Skipped or Failed.
  if (row.errorCode.endsWith('IngestByTagAlreadyExists')) return { kind: 'ingested', isRepeat: true }
  // The same blob twice in one batch of Kusto, of which one was used: that one says how it ended.
  if (row.errorCode.startsWith('BlobAlreadyReceived_')) return { kind: 'pending' }
  switch (row.status) {
    case 'Succeeded':
      return { kind: 'ingested', isRepeat: false }
    case 'Failed':
      return failed(codeOfFailure(row, name), 'failed', row, name)
    case 'PartiallySucceeded':
      return failed('KUSTO_INGESTION_PARTIAL', 'brought only a part of its records', row, name)
    case 'Skipped':
      return failed('KUSTO_INGESTION_FAILED', 'was skipped, since Kusto found no data in it', row, name)
    default:
      return { kind: 'pending' }
  }
}

/** Kusto learns of a new table minutes after it was made; and a staging table may have been dropped. */
export function isTableUnknown(row: StatusRow | undefined): boolean {
  return row !== undefined && tableUnknown.has(row.errorCode)
}

function codeOfFailure(row: StatusRow, { isStaged }: IngestionName): ErrorCode {
  const { errorCode, failureStatus } = row
  if (isStaged === true && isTableUnknown(row)) return 'KUSTO_INGESTION_TRANSIENT'
  if (failureStatus === 'Transient' || failureStatus === 'Exhausted') return 'KUSTO_INGESTION_TRANSIENT'
  if (errorCode.startsWith('Download_')) return 'KUSTO_BLOB_LOST'
  return worthAnotherMessage.has(errorCode) ? 'KUSTO_INGESTION_TRANSIENT' : 'KUSTO_INGESTION_FAILED'
}

function failed(
  code: ErrorCode,
  how: string,
  { errorCode, failureStatus }: StatusRow,
  { batchId, destination, sourceId }: IngestionName,
): IngestionOutcome {
  const kind = /^[A-Za-z]{1,20}$/.test(failureStatus) ? ` (${failureStatus})` : ''
  const message =
    `The ingestion of batch ${batchId} into ${destination} ${how}. Kusto says${kind}: ${explain(errorCode)} ` +
    `More in Kusto: .show ingestion failures | where IngestionSourcePath has "${sourceId}"`
  return { kind: 'failed', error: new SidecarError(code, message) }
}
