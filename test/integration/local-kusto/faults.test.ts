import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { noFaults } from '../../../sidecar/local-kusto/faults.ts'
import { startLocalKusto, type LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { waitFor } from '../../helpers/wait.ts'
import { aPlainClient, type PlainClient } from './plain-client.ts'

describe('faults of the local Kusto', () => {
  let kusto: LocalKusto
  let client: PlainClient

  before(async () => {
    kusto = await startLocalKusto({ batchingTimeMs: 0, databases: { Db: { T: 'n:long' } } })
    client = aPlainClient(kusto, 'Db', 'T')
  })
  beforeEach(() => {
    Object.assign(kusto.faults, noFaults())
  })
  after(() => kusto.close())

  function post(path: string, csl: string, signal?: AbortSignal): Promise<Response> {
    const body = JSON.stringify({ db: 'Db', csl })
    return fetch(`${kusto.clusterUrl}${path}`, { method: 'POST', body, signal: signal ?? null })
  }

  it('throttle or fail Data Management and leave the engine alone', async () => {
    kusto.faults.dataManagement = 'throttle'
    const throttled = await post('/v1/rest/mgmt', '.get ingestion resources')
    kusto.faults.dataManagement = 'error'
    const failed = await post('/v1/rest/mgmt', '.get kusto identity token')
    const shown = await post('/v1/rest/mgmt', '.show tables')

    assert.deepEqual([throttled.status, failed.status, shown.status], [429, 500, 200])
    const body = (await throttled.json()) as { error: { '@permanent': boolean } }
    assert.equal(body.error['@permanent'], false)
  })

  it('throttle the engine and leave Data Management alone', async () => {
    kusto.faults.engine = 'throttle'

    const [query, command] = [
      await post('/v2/rest/query', 'T'),
      await post('/v1/rest/mgmt', '.get ingestion resources'),
    ]

    assert.deepEqual([query.status, command.status], [429, 200])
  })

  it('refuse', async () => {
    kusto.faults.engine = 'forbid'
    kusto.faults.storage.blob = 'forbid'

    assert.equal((await post('/v1/rest/mgmt', '.show tables')).status, 403)
    await assert.rejects(client.upload('{}'), /answered 403/)
  })

  it('lose the replies to what was done all the same', async () => {
    const [rowsBefore, ended] = [kusto.rowCount('Db', 'T'), kusto.ingestions.length]
    kusto.faults.lostReplies = { blob: 1, queue: 1, table: 1 }
    const table = client.resource('IngestionsStatusTable')
    const entity = { PartitionKey: 'lost', RowKey: 'lost', Status: 'Pending' }
    const insert = () =>
      fetch(table, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json;odata=nometadata' },
        body: JSON.stringify(entity),
      })

    await assert.rejects(client.upload('{"n":1}', 'lost'), /fetch failed/)
    const blob = client.resource('TempStorage')
    blob.pathname += '/lost'
    await assert.rejects(client.enqueue(blob.href), /fetch failed/)
    await assert.rejects(insert(), /fetch failed/)

    await kusto.waitForIngestions(ended + 1)
    assert.equal(kusto.rowCount('Db', 'T'), rowsBefore + 1)
    assert.equal((await insert()).status, 409)
    assert.deepEqual(kusto.faults.lostReplies, { blob: 0, queue: 0, table: 0 })
  })

  it('lose messages, and delay others', async () => {
    const [rowsBefore, ended] = [kusto.rowCount('Db', 'T'), kusto.ingestions.length]
    kusto.faults.lostMessages = 1
    await client.enqueue(await client.upload('{"n":1}'))
    await waitFor('the message to be lost', () => kusto.faults.lostMessages === 0)
    kusto.faults.ingestionDelayMs = 300
    const startedAt = performance.now()
    await client.enqueue(await client.upload('{"n":2}'), { FlushImmediately: true })

    await kusto.waitForIngestions(ended + 1)

    assert.ok(performance.now() - startedAt >= 300)
    assert.equal(kusto.rowCount('Db', 'T'), rowsBefore + 1)
  })

  it('let two messages with one tag pass', async () => {
    const [rowsBefore, ended] = [kusto.rowCount('Db', 'T'), kusto.ingestions.length]
    const properties = { tags: '["ingest-by:raced"]', ingestIfNotExists: '["raced"]' }
    const send = async (count: number) => {
      await client.enqueue(await client.upload('{"n":1}'), { properties })
      await kusto.waitForIngestions(ended + count)
    }
    await send(1)
    await send(2)
    assert.equal(kusto.rowCount('Db', 'T'), rowsBefore + 1)

    kusto.faults.raceTags = true
    await send(3)

    assert.equal(kusto.rowCount('Db', 'T'), rowsBefore + 2)
  })

  it('leave a request without an answer', async () => {
    kusto.faults.dataManagement = 'hang'

    const request = post('/v1/rest/mgmt', '.get ingestion resources', AbortSignal.timeout(300))

    await assert.rejects(request, { name: 'TimeoutError' })
  })

  it('hand out SAS that storage refuses as expired', async () => {
    kusto.faults.sas = 'expired'

    await assert.rejects(client.upload('{}'), /answered 403/)
    await assert.rejects(client.enqueue('http://127.0.0.1/'), /answered 403/)

    kusto.faults.sas = 'valid'
    await client.upload('{}')
  })

  it('make a storage service busy, for clients and for Data Management', async () => {
    const blob = await client.upload('{"n":1}')
    kusto.faults.storage.blob = 'throttle'

    await assert.rejects(client.upload('{}'), /answered 503/)
    const ended = kusto.ingestions.length
    await client.enqueue(blob)
    await kusto.waitForIngestions(ended + 1)

    assert.equal(kusto.ingestions.at(-1)?.outcome.failureStatus, 'Transient')
  })

  it('keep messages in the queues while ingestion is paused', async () => {
    kusto.faults.pauseIngestion = true
    const rowsBefore = kusto.rowCount('Db', 'T')
    await client.enqueue(await client.upload('{"n":1}'))
    const url = client.resource('SecuredReadyForAggregationQueue')
    url.pathname += '/messages'
    url.searchParams.set('peekonly', 'true')
    await waitFor('the message', async () => (await (await fetch(url)).text()).includes('<MessageText>'))

    kusto.faults.pauseIngestion = false
    await kusto.waitForRows('Db', 'T', rowsBefore + 1)
  })

  it('end the next ingestions as a test says', async () => {
    kusto.faults.nextIngestions.push(
      { errorCode: 'General_ThrottledIngestion', failureStatus: 'Transient' },
      { errorCode: 'Some_Parts', failureStatus: 'Permanent', status: 'PartiallySucceeded' },
    )
    const ended = kusto.ingestions.length
    for (let count = 1; count <= 3; count += 1) {
      await client.enqueue(await client.upload('{"n":1}'))
      await kusto.waitForIngestions(ended + count)
    }

    assert.deepEqual(
      kusto.ingestions.slice(-3).map(({ outcome }) => `${outcome.status} ${outcome.errorCode}`.trim()),
      ['Failed General_ThrottledIngestion', 'PartiallySucceeded Some_Parts', 'Succeeded'],
    )
  })

  it('report again later when the status table is down, without ingesting twice', async () => {
    const rowsBefore = kusto.rowCount('Db', 'T')
    const tableUrl = client.resource('IngestionsStatusTable')
    kusto.faults.storage.table = 'error'
    await client.enqueue(await client.upload('{"n":1}'), {
      IngestionStatusInTable: { TableConnectionString: tableUrl.href, PartitionKey: 'a', RowKey: 'a' },
    })
    await waitFor('the row', () => kusto.rowCount('Db', 'T') > rowsBefore)
    const ended = kusto.ingestions.length

    kusto.faults.storage.table = 'none'
    await kusto.waitForIngestions(ended + 1)

    const row = new URL(tableUrl)
    row.pathname += `(PartitionKey='a',RowKey='a')`
    const entity = (await (
      await fetch(row, { headers: { accept: 'application/json;odata=nometadata' } })
    ).json()) as object
    assert.equal('Status' in entity && entity.Status, 'Succeeded')
    assert.equal(kusto.rowCount('Db', 'T'), rowsBefore + 1)
  })

  it('do not keep it from closing', { timeout: 10_000 }, async () => {
    const other = await startLocalKusto({ batchingTimeMs: 0, databases: { Db: { T: 'n:long' } } })
    const otherClient = aPlainClient(other, 'Db', 'T')
    const blob = await otherClient.upload('{"n":1}')
    Object.assign(other.faults.storage, { blob: 'hang' })
    await otherClient.enqueue(blob)
    const url = otherClient.resource('SecuredReadyForAggregationQueue')
    url.pathname += '/messages'
    url.searchParams.set('peekonly', 'true')
    await waitFor(
      'the message to be taken',
      async () => !(await (await fetch(url)).text()).includes('<MessageText>'),
    )

    await other.close()
    await other.close()

    await assert.rejects(fetch(other.clusterUrl))
  })
})
