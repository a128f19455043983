import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sourceIdOf } from '../../../sidecar/kusto/names.ts'
import { aSending, settledWhenIngestedOnce } from '../../helpers/sealed-batch.ts'
import { aGateway } from './a-gateway.ts'

const table = '/tables/status'

describe('QueuedIngestion, sending a message that is asked after', () => {
  it('writes the row before the message, which says where it is', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t, settledWhenIngestedOnce)
    const batch = aBatch()

    assert.equal(await send(batch), 'sent')

    const sourceId = sourceIdOf(batch.id)
    const row = kusto.statusRows.get(table)?.get(sourceId) ?? {}
    const [message] = kusto.messages.map((one) => one.message)
    assert.match(String(row['UpdatedOn']), /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.deepEqual(row, {
      PartitionKey: sourceId,
      RowKey: sourceId,
      Status: 'Pending',
      IngestionSourceId: sourceId,
      'IngestionSourceId@odata.type': 'Edm.Guid',
      IngestionSourcePath: message?.BlobPath.split('?')[0],
      Database: 'Logs',
      Table: 'App',
      UpdatedOn: row['UpdatedOn'],
      'UpdatedOn@odata.type': 'Edm.DateTime',
    })
    assert.deepEqual([message?.ReportLevel, message?.ReportMethod], [2, 1])
    assert.equal(message?.IngestionStatusInTable?.['RowKey'], sourceId)
    assert.match(
      message?.IngestionStatusInTable?.['TableConnectionString'] ?? '',
      /\/tables\/status\?.*sig=first/,
    )
    const order = kusto.requests.map(({ operation }) => operation)
    assert.ok(order.indexOf('status-row') < order.indexOf('enqueue'))
    assert.deepEqual(await gateway.statusOf(batch, aSending({ url: '' })), { kind: 'pending' })
  })

  it('leaves a row that is there as it is, and sends the message', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t, settledWhenIngestedOnce)
    const batch = aBatch()
    const final = { Status: 'Succeeded' }
    kusto.statusRows.set(table, new Map([[sourceIdOf(batch.id), final]]))

    assert.equal(await send(batch), 'sent')

    assert.deepEqual(kusto.statusRows.get(table)?.get(sourceIdOf(batch.id)), final)
    assert.equal(kusto.messages[0]?.message.ReportMethod, 1)
    const outcome = await gateway.statusOf(batch, aSending({ url: '' }))
    assert.deepEqual(outcome, { kind: 'ingested', isRepeat: false })
  })

  it('sends it without a report when the row cannot be written, and says so', async (t) => {
    const { kusto, aBatch, send, logLines, errorsOf } = await aGateway(t, settledWhenIngestedOnce)
    kusto.rudeness = (operation) => (operation === 'status-row' ? 500 : undefined)

    assert.equal(await send(aBatch()), 'sent')

    const [message] = kusto.messages.map((one) => one.message)
    assert.deepEqual(
      [message?.ReportLevel, message?.ReportMethod, message?.IngestionStatusInTable],
      [0, 0, null],
    )
    assert.ok(message?.AdditionalProperties['ingestIfNotExists'] !== undefined)
    assert.equal(kusto.count('status-row'), 3)
    assert.equal(logLines.filter((line) => line.includes('kusto.status_row_failed')).length, 1)
    assert.equal((await errorsOf('status_row'))[0]?.value, 1)
    assert.ok(!logLines.join('').includes('sig='))
  })

  it('sends it without a report when no status table is handed out', async (t) => {
    const { kusto, gateway, aBatch, send, logLines } = await aGateway(t, settledWhenIngestedOnce)
    kusto.statusTables = []
    const batch = aBatch()
    assert.equal(await send(batch), 'sent')
    assert.equal(kusto.messages[0]?.message.IngestionStatusInTable, null)
    assert.ok(logLines.some((line) => line.includes('kusto.status_table_missing')))
    assert.deepEqual(await gateway.statusOf(batch, aSending({ url: '' })), { kind: 'pending' })
  })

  it('finds the row after a table was added', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t, settledWhenIngestedOnce)
    const batches = Array.from({ length: 8 }, () => aBatch())
    for (const batch of batches) await send(batch)
    for (const row of kusto.statusRows.get(table)?.values() ?? []) row['Status'] = 'Succeeded'
    kusto.statusTables = ['tables/other', 'tables/status', 'tables/third']
    kusto.signature = 'second'
    await assert.rejects(gateway.statusOf(batches[0] ?? aBatch(), aSending({ url: '' })), {
      code: 'KUSTO_SAS_REFUSED',
    })
    for (const batch of batches)
      assert.equal((await gateway.statusOf(batch, aSending({ url: '' }))).kind, 'ingested')
  })

  it('fetches a new identity token when Kusto says that the last one was stale', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t, settledWhenIngestedOnce)
    const batch = aBatch()
    await send(batch)
    const row = kusto.statusRows.get(table)?.get(sourceIdOf(batch.id)) ?? {}
    Object.assign(row, { Status: 'Failed', ErrorCode: 'BadRequest_InvalidKustoIdentityToken' })
    kusto.identityToken = 'second'
    assert.equal((await gateway.statusOf(batch, aSending({ url: '' }))).kind, 'failed')
    await send(aBatch())
    assert.equal(kusto.messages[1]?.message.AdditionalProperties['authorizationContext'], 'second')
  })

  it('does not know whether the message was posted when its reply is lost', async (t) => {
    const { kusto, gateway, aBatch, send, logLines, errorsOf } = await aGateway(t)
    kusto.rudeness = (operation) => (operation === 'enqueue' ? 'lose-reply' : undefined)
    assert.equal(await send(aBatch()), 'unknown')
    assert.equal(kusto.messages.length, 1)
    assert.equal((await errorsOf('enqueue'))[0]?.value, 1)
    assert.match(gateway.trouble().delivery ?? '', /Posting an ingestion message/)
    assert.ok(logLines.some((line) => line.includes('kusto.message_unknown')))
    assert.ok(!logLines.join('').includes('sig='))
  })
})

describe('QueuedIngestion, asking', () => {
  it('asks the engine for the extents of the batch', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const batch = aBatch(['{}'], 'A table.1-x')
    assert.equal(await gateway.isIngested(batch), false)
    assert.deepEqual(kusto.lastCommand, {
      db: 'Logs',
      csl: `.show table ['A table.1-x'] extents where tags has 'ingest-by:${batch.id}'`,
    })
    kusto.extentTags = [`ingest-by:${batch.id}2`, null]
    assert.equal(await gateway.isIngested(batch), false)
    kusto.extentTags = [`ingest-by:${batch.id}2`, `a\r\ningest-by:${batch.id}`]
    assert.equal(await gateway.isIngested(batch), true)
  })

  for (const status of [400, 401, 403]) {
    it(`does not know of extents, and does not ask again soon, after a ${status}`, async (t) => {
      const { kusto, gateway, aBatch, errorsOf } = await aGateway(t)
      kusto.rudeness = (operation) => (operation === 'extents' ? status : undefined)
      assert.equal(await gateway.isIngested(aBatch()), undefined)
      assert.equal(await gateway.isIngested(aBatch()), undefined)
      assert.equal(kusto.count('extents'), 1)
      assert.equal((await errorsOf('extents'))[0]?.value, 1)
    })
  }

  it('rejects when the engine or the status table has no answer for now', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    for (const [rudeness, code] of [
      [429, 'KUSTO_THROTTLED'],
      [500, 'KUSTO_UNAVAILABLE'],
      ['drop', 'KUSTO_UNAVAILABLE'],
    ] as const) {
      kusto.rudeness = (operation) => (['extents', 'status'].includes(operation) ? rudeness : undefined)
      await assert.rejects(gateway.isIngested(aBatch()), { code })
      await assert.rejects(
        gateway.statusOf(aBatch(), aSending({ url: '' })),
        (error: Error & { code: string }) => {
          assert.equal(error.code, code)
          assert.ok(!error.message.includes('sig='), error.message)
          return true
        },
      )
    }
    assert.ok(gateway.trouble().delivery !== undefined)
  })
})

describe('QueuedIngestion, measuring', () => {
  it('takes the time of every kind of call', async (t) => {
    const { gateway, aBatch, metrics } = await aGateway(t, settledWhenIngestedOnce)
    const batch = aBatch()
    const sending = aSending(await gateway.upload(batch, 0))
    await gateway.enqueue(batch, sending)
    await gateway.statusOf(batch, sending)
    await gateway.isIngested(batch)
    await gateway.withdraw(sending)

    const { values } = await metrics.kustoRequestSeconds.get()
    assert.deepEqual(
      new Set(values.map(({ labels }) => labels.operation)),
      new Set(['upload', 'status_row', 'enqueue', 'status', 'extents', 'withdraw']),
    )
    assert.deepEqual(gateway.trouble(), {})
  })
})

describe('QueuedIngestion, withdrawing', () => {
  it('deletes the blob, also when it is already gone', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const sending = aSending(await gateway.upload(aBatch(), 0))
    assert.equal(await gateway.withdraw(sending), true)
    assert.equal(kusto.blobs.size, 0)
    assert.equal(await gateway.withdraw(sending), true)
  })

  it('deletes it although the reply is lost, at the next attempt', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const sending = aSending(await gateway.upload(aBatch(), 0))
    kusto.rudeness = (operation) => (operation === 'delete' ? 'lose-reply' : undefined)
    await assert.rejects(gateway.withdraw(sending), { code: 'KUSTO_UNAVAILABLE' })
    kusto.rudeness = () => undefined
    assert.equal(await gateway.withdraw(sending), true)
  })

  it('uses the SAS that is handed out now, when the last one ended', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const sending = aSending(await gateway.upload(aBatch(), 0))
    kusto.signature = 'second'
    assert.equal(await gateway.withdraw(sending), true)
    assert.equal(kusto.blobs.size, 0)
  })

  it('does not delete what Kusto does not let it, or hands out no more', async (t) => {
    const { kusto, gateway, aBatch, errorsOf } = await aGateway(t)
    const sending = aSending(await gateway.upload(aBatch(), 0))
    kusto.rudeness = (operation) => (operation === 'delete' ? 403 : undefined)
    assert.equal(await gateway.withdraw(sending), false)
    assert.equal(kusto.count('delete'), 1)
    assert.ok((await errorsOf('withdraw'))[0]?.value)
    assert.equal(await gateway.withdraw(aSending({ url: `${kusto.url}/elsewhere/gone/blob` })), false)
    assert.equal(kusto.blobs.size, 1)
  })

  it('rejects when storage gives another answer', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const sending = aSending(await gateway.upload(aBatch(), 0))
    for (const [status, code] of [
      [409, 'KUSTO_UNCLASSIFIED'],
      [412, 'KUSTO_UNCLASSIFIED'],
      [503, 'KUSTO_UNAVAILABLE'],
    ] as const) {
      kusto.rudeness = (operation) => (operation === 'delete' ? status : undefined)
      await assert.rejects(gateway.withdraw(sending), (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.ok(!error.message.includes('sig='), error.message)
        return true
      })
    }
  })
})
