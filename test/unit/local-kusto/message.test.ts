import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIngestionMessage } from '../../../sidecar/local-kusto/ingestion/message.ts'

const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')

describe('parseIngestionMessage', () => {
  it('reads the message of the SDK', () => {
    const message = parseIngestionMessage(
      base64({
        BlobPath: 'http://127.0.0.1/c/b?sig=x',
        RawDataSize: null,
        DatabaseName: 'db',
        TableName: 'T',
        RetainBlobOnSuccess: true,
        FlushImmediately: true,
        ReportLevel: 2,
        ReportMethod: 1,
        Id: '23cc13fc-0000-4000-8000-000000000000',
        AdditionalProperties: {
          authorizationContext: 'AUTH',
          tags: '["ingest-by:x1","drop-by:a"]',
          ingestIfNotExists: '["x1"]',
          format: 'JSON',
          ingestionMappingReference: 'm',
        },
        IngestionStatusInTable: { tableConnectionString: 'http://t', partitionKey: 'p', rowKey: 'r' },
      }),
    )

    assert.deepEqual(message, {
      sourceId: '23cc13fc-0000-4000-8000-000000000000',
      blobUrl: 'http://127.0.0.1/c/b?sig=x',
      database: 'db',
      table: 'T',
      retainBlobOnSuccess: true,
      flushImmediately: true,
      reportLevel: 'all',
      reportMethod: 'table',
      statusTable: { tableUrl: 'http://t', partitionKey: 'p', rowKey: 'r' },
      identityToken: 'AUTH',
      format: 'json',
      tags: ['ingest-by:x1', 'drop-by:a'],
      ingestIfNotExists: ['x1'],
      mappingReference: 'm',
      mapping: undefined,
      creationTime: undefined,
    })
  })

  it('ignores tags that are no string with a JSON array, as they are in the service', () => {
    for (const tags of [['ingest-by:x'], 'ingest-by:x', '{"a":1}', null]) {
      const message = parseIngestionMessage(base64({ BlobPath: 'http://b', AdditionalProperties: { tags } }))
      assert.deepEqual(message?.tags, [])
    }
  })

  it('gives nothing for what is no message', () => {
    for (const text of ['not json', '5', 'null', '{}', '{"BlobPath":""}']) {
      assert.equal(parseIngestionMessage(base64(text)), undefined)
    }
    assert.equal(parseIngestionMessage('%%%'), undefined)
  })
})
