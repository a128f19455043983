import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMessageBuilder } from '../../../sidecar/kusto/message.ts'
import { sourceIdOf } from '../../../sidecar/kusto/names.ts'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'

const store = new MemoryStore({ maxBytes: 1_000_000, clock: new ManualClock(), random: new SeededRandom(1) })

async function aBatch(overrides: Parameters<typeof aDestination>[0] = {}): Promise<SealedBatch> {
  const open = await store.open(aDestination(overrides))
  await open.append(aFrame(['{"n":1}']))
  return (await open.seal()) as SealedBatch
}

const build = async (batch: SealedBatch) =>
  JSON.parse(
    await createMessageBuilder('http://127.0.0.1:1').build(batch, 'http://blobs/a?sig=x', 'token'),
  ) as Record<string, unknown>

// Each test shows that a fault of azure-kusto-ingest 7.0.1 cannot bite; the fault is named first.
describe('the ingestion message', () => {
  it('has the form of the official client, with exact raw size and our source id (its stream upload loses both)', async () => {
    const batch = await aBatch({
      flushImmediately: true,
      ingestionMappingRef: 'm1',
      additionalTags: ['t'],
      dropByTags: ['d'],
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
    assert.deepEqual(message['AdditionalProperties'], {
      authorizationContext: 'token',
      tags: '["t","drop-by:d"]',
      ingestionMappingReference: 'm1',
      ingestionMappingType: 'Json',
      format: 'json',
    })
  })

  it('carries no tag of an earlier message (its constructor writes tags into shared properties)', async () => {
    const builder = createMessageBuilder('http://127.0.0.1:1')
    await builder.build(
      await aBatch({ additionalTags: ['first'], dropByTags: ['first'] }),
      'http://blobs/a',
      'token',
    )
    const second = JSON.parse(await builder.build(await aBatch(), 'http://blobs/b', 'token')) as {
      AdditionalProperties: object
    }
    assert.deepEqual(second.AdditionalProperties, { authorizationContext: 'token', format: 'json' })
  })

  it('says flushImmediately: false when it is false (its merge of defaults drops falsy values)', async () => {
    assert.equal((await build(await aBatch()))['FlushImmediately'], false)
  })

  it('belongs to its batch when many are made at once', async () => {
    const builder = createMessageBuilder('http://127.0.0.1:1')
    const batches = await Promise.all(Array.from({ length: 50 }, (_, n) => aBatch({ table: `T${n}` })))
    const messages = await Promise.all(
      batches.map((batch) => builder.build(batch, `http://blobs/${batch.destination.table}`, 'token')),
    )
    messages.forEach((text, n) => {
      const message = JSON.parse(text) as Record<string, unknown>
      assert.equal(message['TableName'], `T${n}`)
      assert.equal(message['BlobPath'], `http://blobs/T${n}`)
    })
  })
})

describe('sourceIdOf', () => {
  it('is a version 4 UUID, the same for the same batch, different for others (the SDK refuses other versions)', () => {
    assert.match(sourceIdOf('w:1:1'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(sourceIdOf('w:1:1'), sourceIdOf('w:1:1'))
    const ids = new Set(Array.from({ length: 1_000 }, (_, n) => sourceIdOf(`w:1:${n}`)))
    assert.equal(ids.size, 1_000)
  })
})
