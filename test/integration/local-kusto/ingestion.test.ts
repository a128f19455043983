import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { startLocalKusto, type LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { aPlainClient, type MessageFields, type PlainClient } from './plain-client.ts'

const columns = 'ts:datetime, level:string, n:long, log:dynamic'
const mapping = JSON.stringify([
  { column: 'level', Properties: { Path: '$.severity' } },
  { Column: 'n', path: '$.counts[1]' },
])

describe('queued ingestion of the local Kusto', () => {
  let kusto: LocalKusto
  let tableNumber = 0

  before(async () => {
    kusto = await startLocalKusto({ batchingTimeMs: 20 })
  })
  after(() => kusto.close())

  /** A client of a new table. */
  function aTable(): { table: string; client: PlainClient } {
    tableNumber += 1
    const table = `T${tableNumber}`
    kusto.query('NetDefaultDB', `.create table ${table} (${columns})`)
    kusto.query('NetDefaultDB', `.create-or-alter table ${table} ingestion json mapping 'named' '${mapping}'`)
    return { table, client: aPlainClient(kusto, 'NetDefaultDB', table) }
  }

  async function ingest(client: PlainClient, body: string | Buffer, fields?: MessageFields): Promise<string> {
    const ended = kusto.ingestions.length + 1
    const sourceId = await client.enqueue(await client.upload(body), fields)
    await kusto.waitForIngestions(ended)
    return sourceId
  }

  function lastOutcome(): {
    status: string | undefined
    errorCode: string | undefined
    failureStatus: string | undefined
  } {
    const { status, errorCode, failureStatus } = kusto.ingestions.at(-1)?.outcome ?? {}
    return { status, errorCode, failureStatus }
  }

  it('brings every value out exactly as it went in', async () => {
    const { table, client } = aTable()

    await ingest(
      client,
      String.raw`{"ts":"2026-01-31T23:59:59.1234567Z","level":"a\u0000b 😀 \"","n":9007199254740993,"log":{"big":9007199254740993, "t":"\u0000"}}`,
    )

    assert.deepEqual(kusto.query('NetDefaultDB', `${table} | extend text = tostring(log)`), [
      {
        ts: '2026-01-31T23:59:59.1234567Z',
        level: 'a\u0000b 😀 "',
        n: 9007199254740993n,
        log: { big: 9007199254740993n, t: '\u0000' },
        text: String.raw`{"big":9007199254740993, "t":"\u0000"}`,
      },
    ])
  })

  it('leaves out lines that are no JSON objects and keeps their neighbours', async () => {
    const { table, client } = aTable()

    await ingest(client, '{"n":1}\nnot json\n[{"n":2}]\n5\n\n{"n":3\n{"n":4}\r\n{"n":5}')

    assert.deepEqual(kusto.query('NetDefaultDB', `${table} | project n`), [{ n: 1 }, { n: 4 }, { n: 5 }])
  })

  it('fills what is missing or of the wrong type with null, and ignores unknown properties', async () => {
    const { table, client } = aTable()

    await ingest(client, '{"ts":"soon","n":1.5,"other":true}\n{"level":null,"log":null}')

    const empty = { ts: null, level: '', n: null, log: null }
    assert.deepEqual(kusto.query('NetDefaultDB', table), [empty, empty])
  })

  for (const [name, compress] of Object.entries({
    'one gzip member': (text: string) => gzipSync(text),
    'two gzip members': (text: string) =>
      Buffer.concat([gzipSync(text.slice(0, 9)), gzipSync(text.slice(9))]),
    'a name that ends in .gz and plain content': (text: string) => Buffer.from(text),
  })) {
    it(`reads a blob of ${name}`, async () => {
      const { table, client } = aTable()

      await ingest(client, compress('{"n":1}\n{"n":2}\n{"n":3}\n'))

      assert.deepEqual(kusto.query('NetDefaultDB', `${table} | summarize sum(n)`), [{ sum_n: 6 }])
    })
  }

  it('reads multijson over any lines, and fails it whole for one mistake', async () => {
    const { table, client } = aTable()
    const fields = { properties: { format: 'multijson' } }

    await ingest(client, '[{"n":1},\n {"n":\n2}]\n{"n":3}{"n":4}', fields)
    await ingest(client, '{"n":5}\n{"n":6', fields)

    assert.deepEqual(lastOutcome(), {
      status: 'Failed',
      errorCode: 'BadRequest_InvalidBlob',
      failureStatus: 'Permanent',
    })
    assert.deepEqual(kusto.query('NetDefaultDB', `${table} | project n`), [
      { n: 1 },
      { n: 2 },
      { n: 3 },
      { n: 4 },
    ])
  })

  for (const [name, properties] of Object.entries({
    'a mapping reference': { ingestionMappingReference: 'named' },
    'a mapping in the message': { ingestionMapping: mapping },
  })) {
    it(`applies ${name}`, async () => {
      const { table, client } = aTable()

      await ingest(client, '{"severity":"warn","level":"not this","counts":[1,2]}', { properties })

      assert.deepEqual(kusto.query('NetDefaultDB', `${table} | project level, n`), [{ level: 'warn', n: 2 }])
    })
  }

  it('skips a blob whose ingest-by tag is in the table already', async () => {
    const { table, client } = aTable()
    const fields = {
      properties: { tags: '["ingest-by:batch 1","drop-by:x"]', ingestIfNotExists: '["batch 1"]' },
    }

    await ingest(client, '{"n":1}', fields)
    await ingest(client, '{"n":1}', fields)

    assert.equal(lastOutcome().errorCode, 'Skipped_IngestByTagAlreadyExists')
    assert.equal(kusto.rowCount('NetDefaultDB', table), 1)
    const extents = kusto.query(
      'NetDefaultDB',
      `.show table ${table} extents where tags has 'ingest-by:batch 1'`,
    )
    assert.deepEqual(
      extents.map(({ RowCount, Tags }) => ({ RowCount, Tags })),
      [{ RowCount: 1, Tags: 'ingest-by:batch 1\r\ndrop-by:x' }],
    )
    assert.deepEqual(
      kusto.query('NetDefaultDB', `.show table ${table} extents where tags has 'ingest-by:batch'`),
      [],
    )
  })

  it('skips a blob with a known tag without reading it', async () => {
    const { client } = aTable()
    const fields = { properties: { tags: '["ingest-by:b"]', ingestIfNotExists: '["b"]' } }
    await ingest(client, '{"n":1}', { ...fields, RetainBlobOnSuccess: false })
    const ended = kusto.ingestions.length

    await client.enqueue('http://127.0.0.1:1/gone', fields)
    await kusto.waitForIngestions(ended + 1)

    assert.deepEqual(lastOutcome().errorCode, 'Skipped_IngestByTagAlreadyExists')
  })

  it('ingests a tag again when it does not ask for ingestIfNotExists', async () => {
    const { table, client } = aTable()
    const fields = { properties: { tags: '["ingest-by:b"]' } }

    await ingest(client, '{"n":1}', fields)
    await ingest(client, '{"n":1}', fields)

    assert.equal(kusto.rowCount('NetDefaultDB', table), 2)
  })

  const failures: readonly { name: string; code: string; body?: string | Buffer; fields?: MessageFields }[] =
    [
      {
        name: 'a table that does not exist',
        code: 'BadRequest_TableNotExist',
        fields: { TableName: 'Nope' },
      },
      {
        name: 'a database that does not exist',
        code: 'BadRequest_DatabaseNotExist',
        fields: { DatabaseName: 'Nope' },
      },
      {
        name: 'a mapping reference that does not exist',
        code: 'BadRequest_MappingReferenceWasNotFound',
        fields: { properties: { ingestionMappingReference: 'nope' } },
      },
      { name: 'an empty blob', code: 'BadRequest_EmptyBlob', body: '' },
      { name: 'an empty gzip', code: 'BadRequest_EmptyBlob', body: gzipSync('') },
      { name: 'a blob without a record', code: 'BadRequest_NoRecordsOrWrongFormat', body: 'hello\n' },
      {
        name: 'a gzip that was cut',
        code: 'BadRequest_InvalidBlob',
        body: gzipSync('{"n":1}\n'.repeat(99)).subarray(0, 30),
      },
      { name: 'raw deflate', code: 'BadRequest_NoRecordsOrWrongFormat', body: deflateRawSync('{"n":1}\n') },
      {
        name: 'a format that is not known',
        code: 'BadRequest_FormatNotSupported',
        fields: { properties: { format: 'csv' } },
      },
      {
        name: 'a message without the identity token',
        code: 'BadRequest_InvalidKustoIdentityToken',
        fields: { properties: { authorizationContext: 'made up' } },
      },
    ]
  for (const { name, code, body = '{"n":1}', fields } of failures) {
    it(`fails ${name} with ${code} and keeps no row`, async () => {
      const { table, client } = aTable()

      const sourceId = await ingest(client, body, fields)

      assert.deepEqual(lastOutcome(), { status: 'Failed', errorCode: code, failureStatus: 'Permanent' })
      assert.equal(kusto.rowCount('NetDefaultDB', table), 0)
      assert.deepEqual(kusto.query('NetDefaultDB', `${table} | take 1`), [])
      const shown = kusto.query(
        'NetDefaultDB',
        `.show ingestion failures | where IngestionSourceId == '${sourceId}'`,
      )
      assert.deepEqual(
        shown.map(({ ErrorCode }) => ErrorCode),
        [code],
      )
    })
  }

  it('fails a blob that is gone or whose SAS is bad with the codes of the download', async () => {
    const { client } = aTable()
    const gone = client.resource('TempStorage')
    gone.pathname += '/gone'
    const forbidden = new URL(await client.upload('{"n":1}'))
    forbidden.searchParams.set('sig', 'AAAA')
    const ended = kusto.ingestions.length

    await client.enqueue(gone.href)
    await client.enqueue(forbidden.href)
    await client.enqueue('https://example.invalid/container/blob')
    await kusto.waitForIngestions(ended + 3)

    const codes = kusto.ingestions.slice(-3).map(({ outcome }) => outcome.errorCode)
    assert.deepEqual(codes.toSorted(), [
      'Download_Forbidden',
      'Download_Forbidden',
      'Download_SourceNotFound',
    ])
  })

  it('goes on after a message that nobody can read', async () => {
    const { table, client } = aTable()
    const url = client.resource('SecuredReadyForAggregationQueue')
    url.pathname += '/messages'
    const ended = kusto.ingestions.length

    const body = '<QueueMessage><MessageText>AAAA</MessageText></QueueMessage>'
    await fetch(url, { method: 'POST', headers: { 'x-ms-version': '2021-12-02' }, body })
    await client.enqueue(await client.upload('{"n":1}'))
    await kusto.waitForIngestions(ended + 2)

    assert.equal(kusto.rowCount('NetDefaultDB', table), 1)
    assert.equal(kusto.failures.at(-1)?.errorCode, 'BadRequest_InvalidMessage')
  })

  it('reports a failure on the failure queue, and a success only when it is asked to', async () => {
    const { client } = aTable()

    const failed = await ingest(client, '')
    const quiet = await ingest(client, '', { ReportLevel: 1 })
    const succeeded = await ingest(client, '{"n":1}', { ReportLevel: 2 })
    const silent = await ingest(client, '{"n":1}')

    const failures = await client.peek('FailedIngestionsQueue')
    const mine = failures.find(({ IngestionSourceId }) => IngestionSourceId === failed)
    assert.equal(mine?.['ErrorCode'], 'BadRequest_EmptyBlob')
    assert.equal(mine?.['ShouldRetry'], false)
    assert.ok(!String(mine?.['IngestionSourcePath']).includes('sig='))
    assert.ok(!failures.some(({ IngestionSourceId }) => IngestionSourceId === quiet))
    const successes = (await client.peek('SuccessfulIngestionsQueue')).map(
      ({ IngestionSourceId }) => IngestionSourceId,
    )
    assert.ok(successes.includes(succeeded))
    assert.ok(!successes.includes(silent))
  })

  it('merges the outcome into the row of the status table that the client wrote', async () => {
    const { client } = aTable()
    const tableUrl = client.resource('IngestionsStatusTable')
    const row = new URL(tableUrl)
    row.pathname += `(PartitionKey='p',RowKey='r')`
    const headers = { 'content-type': 'application/json', accept: 'application/json;odata=nometadata' }
    await fetch(row, { method: 'PUT', headers, body: '{"Status":"Pending","Mine":"kept"}' })

    await ingest(client, '', {
      ReportLevel: 2,
      ReportMethod: 1,
      IngestionStatusInTable: { TableConnectionString: tableUrl.href, PartitionKey: 'p', RowKey: 'r' },
    })

    const entity = (await (await fetch(row, { headers })).json()) as Record<string, unknown>
    assert.equal(entity['Status'], 'Failed')
    assert.equal(entity['ErrorCode'], 'BadRequest_EmptyBlob')
    assert.equal(entity['FailureStatus'], 'Permanent')
    assert.equal(entity['Mine'], 'kept')
    assert.ok(Date.parse(String(entity['UpdatedOn'])) > 0)
  })

  it('removes an ingested blob when the message does not ask to retain it', async () => {
    const { client } = aTable()
    const [kept, removed] = [await client.upload('{"n":1}'), await client.upload('{"n":1}')]
    const ended = kusto.ingestions.length

    await client.enqueue(kept)
    await client.enqueue(removed, { RetainBlobOnSuccess: false })
    await kusto.waitForIngestions(ended + 2)

    assert.deepEqual([(await fetch(kept)).status, (await fetch(removed)).status], [200, 404])
  })
})
