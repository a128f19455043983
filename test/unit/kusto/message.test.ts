import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { createMessageBuilder, type MessageParts } from '../../../sidecar/kusto/message.ts'
import { blobNameOf, sourceIdOf } from '../../../sidecar/kusto/names.ts'
import { aSealedBatch, settledWhenIngestedOnce } from '../../helpers/sealed-batch.ts'

const partsOf = (batch: SealedBatch, more: Partial<MessageParts> = {}): MessageParts => ({
  sourceId: sourceIdOf(batch.id),
  blobUrl: 'http://blobs/a?sig=x',
  identityToken: 'token',
  ...more,
})

const build = async (batch: SealedBatch, more: Partial<MessageParts> = {}) =>
  JSON.parse(await createMessageBuilder('http://127.0.0.1:1').build(batch, partsOf(batch, more))) as Record<
    string,
    unknown
  >

// Each test shows that a fault of azure-kusto-ingest 7.0.1 cannot bite; the fault is named first.
describe('the ingestion message', () => {
  it('has the form of the official client, with exact raw size and our source id (its stream upload loses both)', async () => {
    const batch = aSealedBatch({
      destination: {
        flushImmediately: true,
        ingestionMappingRef: 'm1',
        additionalTags: ['t'],
        dropByTags: ['d'],
      },
    })

    const message = await build(batch)

    assert.equal(message['Id'], sourceIdOf(batch.id))
    assert.equal(message['RawDataSize'], batch.rawBytes)
    assert.equal(message['BlobPath'], 'http://blobs/a?sig=x')
    assert.equal(message['DatabaseName'], 'Logs')
    assert.equal(message['TableName'], 'App')
    assert.equal(message['FlushImmediately'], true)
    assert.equal(message['RetainBlobOnSuccess'], true)
    assert.equal(message['ReportLevel'], 0)
    assert.equal(message['ReportMethod'], 0)
    assert.equal(message['IngestionStatusInTable'], null)
    assert.deepEqual(message['AdditionalProperties'], {
      authorizationContext: 'token',
      tags: '["t","drop-by:d"]',
      ingestionMappingReference: 'm1',
      ingestionMappingType: 'Json',
      format: 'json',
    })
  })

  it('carries the id of its batch as tag and condition when it is to be ingested once (its condition is a plain text)', async () => {
    const batch = aSealedBatch({
      id: 'w0:1.abcd:7',
      settlement: settledWhenIngestedOnce,
      destination: { additionalTags: ['t'], dropByTags: ['d'] },
    })

    const message = await build(batch)

    assert.equal(message['RawDataSize'], batch.rawBytes)
    assert.deepEqual(message['AdditionalProperties'], {
      authorizationContext: 'token',
      tags: '["t","drop-by:d","ingest-by:w0:1.abcd:7"]',
      ingestIfNotExists: '["w0:1.abcd:7"]',
      format: 'json',
    })
  })

  it('asks for a report in the row it is given (its own reporting hides that no row was written)', async () => {
    const batch = aSealedBatch({ settlement: settledWhenIngestedOnce })

    const message = await build(batch, { statusPlace: { tableUrl: 'http://t/s?sig=x', key: 'k' } })

    assert.equal(message['ReportLevel'], 2)
    assert.equal(message['ReportMethod'], 1)
    assert.deepEqual(message['IngestionStatusInTable'], {
      TableConnectionString: 'http://t/s?sig=x',
      PartitionKey: 'k',
      RowKey: 'k',
    })
    assert.equal(message['Id'], sourceIdOf(batch.id))
  })

  it('asks for no report without a row, also when its batch is to be asked after', async () => {
    const message = await build(aSealedBatch({ settlement: settledWhenIngestedOnce }))
    assert.deepEqual(
      [message['ReportLevel'], message['ReportMethod'], message['IngestionStatusInTable']],
      [0, 0, null],
    )
  })

  it('carries no tag of an earlier message (its constructor writes tags into shared properties)', async () => {
    const builder = createMessageBuilder('http://127.0.0.1:1')
    const first = aSealedBatch({
      settlement: settledWhenIngestedOnce,
      destination: { additionalTags: ['first'], dropByTags: ['first'] },
    })
    await builder.build(first, partsOf(first))
    const batch = aSealedBatch()
    const second = JSON.parse(await builder.build(batch, partsOf(batch))) as { AdditionalProperties: object }
    assert.deepEqual(second.AdditionalProperties, { authorizationContext: 'token', format: 'json' })
  })

  it('says flushImmediately: false when it is false (its merge of defaults drops falsy values)', async () => {
    assert.equal((await build(aSealedBatch()))['FlushImmediately'], false)
  })

  it('belongs to its batch when many are made at once', async () => {
    const builder = createMessageBuilder('http://127.0.0.1:1')
    const batches = Array.from({ length: 50 }, (_, n) => aSealedBatch({ destination: { table: `T${n}` } }))
    const messages = await Promise.all(
      batches.map((batch) =>
        builder.build(batch, partsOf(batch, { blobUrl: `http://blobs/${batch.destination.table}` })),
      ),
    )
    messages.forEach((text, n) => {
      const message = JSON.parse(text) as Record<string, unknown>
      assert.equal(message['TableName'], `T${n}`)
      assert.equal(message['BlobPath'], `http://blobs/T${n}`)
    })
  })
})

describe('the names of a message', () => {
  it('are a version 4 UUID, the same for the same batch, different for others (the SDK refuses other versions)', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    assert.match(sourceIdOf('w:1:1'), uuid)
    assert.match(sourceIdOf('w:1:1', 3), uuid)
    assert.equal(sourceIdOf('w:1:1'), sourceIdOf('w:1:1'))
    const numbers = Array.from({ length: 1_000 }, (_, n) => n)
    assert.equal(new Set(numbers.map((n) => sourceIdOf(`w:1:${n}`))).size, 1_000)
  })

  it('are those that earlier versions gave, for the first message', () => {
    assert.equal(sourceIdOf('w:1:1', 0), sourceIdOf('w:1:1'))
    assert.equal(sourceIdOf('w:1:1'), 'e865eb00-4435-4d2c-b852-1ae706232912')
  })

  it('are others for each further message, and for no other batch', () => {
    const ids = ['w:1:1', 'w:1:11', 'w:1:12'].flatMap((id) =>
      Array.from({ length: 20 }, (_, number) => sourceIdOf(id, number)),
    )
    assert.equal(new Set(ids).size, 60)
    const batch = aSealedBatch({ id: 'w:1:1' })
    assert.match(blobNameOf(batch, 2), new RegExp(`^Logs__App__${sourceIdOf('w:1:1', 2)}\\.json\\.gz$`))
  })
})
