import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { outcomeOf } from '../../../sidecar/kusto/ingestion-outcome.ts'
import type { StatusRow } from '../../../sidecar/kusto/status-table.ts'

const name = { batchId: 'w0:1.abcd:7', destination: 'Logs.App', sourceId: 'the-source-id' }

/** The kind of the outcome, with what makes it special. */
function shortOutcome(status: string, errorCode = '', failureStatus = ''): string {
  const outcome = outcomeOf({ status, errorCode, failureStatus }, name)
  if (outcome.kind === 'ingested') return outcome.isRepeat ? 'repeat' : 'ingested'
  return outcome.kind === 'failed' ? outcome.error.code : 'pending'
}

describe('outcomeOf', () => {
  const cases: [status: string, errorCode: string, failureStatus: string, outcome: string][] = [
    ['Pending', '', '', 'pending'],
    ['Queued', '', '', 'pending'],
    ['', '', '', 'pending'],
    ['Brooding', '', '', 'pending'],
    ['succeeded', '', '', 'pending'],
    ['Pending', 'Skipped_IngestByTagAlreadyExists', 'Permanent', 'pending'],
    ['Queued', 'Skipped_IngestByTagAlreadyExists', 'Permanent', 'pending'],

    ['Succeeded', '', '', 'ingested'],
    ['Succeeded', '', 'Unknown', 'ingested'],

    ['Skipped', 'Skipped_IngestByTagAlreadyExists', 'Permanent', 'repeat'],
    ['Skipped', 'IngestByTagAlreadyExists', 'Permanent', 'repeat'],
    ['Failed', 'Skipped_IngestByTagAlreadyExists', 'Permanent', 'repeat'],
    ['Failed', 'Skipped_IngestByTagAlreadyExists', 'Transient', 'repeat'],
    ['PartiallySucceeded', 'Skipped_IngestByTagAlreadyExists', '', 'repeat'],
    ['Succeeded', 'Skipped_IngestByTagAlreadyExists', '', 'repeat'],
    ['OtherStatus', 'Skipped_IngestByTagAlreadyExists', '', 'repeat'],

    ['Skipped', '', '', 'KUSTO_INGESTION_FAILED'],
    ['Skipped', 'Stream_NoDataToIngest', 'Permanent', 'KUSTO_INGESTION_FAILED'],

    ['Failed', 'BadRequest_TableNotExist', 'Permanent', 'KUSTO_INGESTION_FAILED'],
    ['Failed', 'BadRequest_TableNotExist', 'Unknown', 'KUSTO_INGESTION_FAILED'],
    ['Failed', 'BadRequest_TableNotExist', '', 'KUSTO_INGESTION_FAILED'],
    ['Failed', '', 'Permanent', 'KUSTO_INGESTION_FAILED'],
    ['Failed', 'Something_New', 'Permanent', 'KUSTO_INGESTION_FAILED'],
    ['Failed', 'constructor', 'Permanent', 'KUSTO_INGESTION_FAILED'],

    ['Failed', 'General_ThrottledIngestion', 'Transient', 'KUSTO_INGESTION_TRANSIENT'],
    ['Failed', 'BadRequest_TableNotExist', 'Exhausted', 'KUSTO_INGESTION_TRANSIENT'],
    ['Failed', 'General_RetryAttemptsExceeded', 'Permanent', 'KUSTO_INGESTION_TRANSIENT'],
    ['Failed', 'BadRequest_InvalidKustoIdentityToken', 'Permanent', 'KUSTO_INGESTION_TRANSIENT'],

    ['Failed', 'Download_SourceNotFound', 'Permanent', 'KUSTO_BLOB_LOST'],
    ['Failed', 'Download_Forbidden', 'Permanent', 'KUSTO_BLOB_LOST'],
    ['Failed', 'Download_Forbidden', 'Unknown', 'KUSTO_BLOB_LOST'],
    ['Failed', 'Download_UnknownError', 'Transient', 'KUSTO_INGESTION_TRANSIENT'],

    ['Failed', 'BlobAlreadyReceived_BlobAlreadyFoundInBatch', 'Permanent', 'pending'],

    ['PartiallySucceeded', '', '', 'KUSTO_INGESTION_PARTIAL'],
    ['PartiallySucceeded', 'General_ThrottledIngestion', 'Transient', 'KUSTO_INGESTION_PARTIAL'],
    ['PartiallySucceeded', 'Download_SourceNotFound', 'Permanent', 'KUSTO_INGESTION_PARTIAL'],
  ]
  for (const [status, errorCode, failureStatus, outcome] of cases) {
    it(`takes ${status || 'no status'} ${errorCode || 'without a code'} ${failureStatus} for ${outcome}`, () => {
      assert.equal(shortOutcome(status, errorCode, failureStatus), outcome)
    })
  }

  it('takes a row that is not there for pending', () => {
    assert.deepEqual(outcomeOf(undefined, name), { kind: 'pending' })
  })

  const messageOf = (row: Partial<StatusRow>): string => {
    const outcome = outcomeOf({ status: 'Failed', errorCode: '', failureStatus: 'Permanent', ...row }, name)
    assert.equal(outcome.kind, 'failed')
    return outcome.kind === 'failed' ? outcome.error.message : ''
  }

  it('tells an operator which batch, where, why, what to do, and where more stands', () => {
    assert.equal(
      messageOf({ errorCode: 'BadRequest_TableNotExist' }),
      'The ingestion of batch w0:1.abcd:7 into Logs.App failed. Kusto says (Permanent): BadRequest_TableNotExist. The table does not ' +
        'exist. Create it, then replay the dead letters. More in Kusto: ' +
        '.show ingestion failures | where IngestionSourcePath has "the-source-id"',
    )
    assert.match(messageOf({ status: 'Skipped', errorCode: '' }), /was skipped, since Kusto found no data/)
    assert.match(messageOf({ status: 'PartiallySucceeded' }), /brought only a part of its records/)
  })

  it('puts nothing into its message that is not a code', () => {
    for (const field of ['errorCode', 'failureStatus'] as const) {
      const message = messageOf({ [field]: 'the record {"card":"4111"} sig=S3cr3t' })
      assert.ok(!message.includes('4111') && !message.includes('S3cr3t'), message)
    }
    assert.ok(messageOf({ errorCode: 'A'.repeat(5_000) }).length < 400)
    assert.match(messageOf({ errorCode: 'constructor' }), /: constructor\. More in Kusto/)
  })

  it('is total', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (status, errorCode, failureStatus) => {
        shortOutcome(status, errorCode, failureStatus)
      }),
    )
  })
})
