import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data'
import { BlobDescriptor, DataFormat, IngestClient, IngestionProperties } from 'azure-kusto-ingest'
import { startLocalKusto, type LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { aPlainClient } from './plain-client.ts'

describe('the unmodified SDK of Microsoft with the local Kusto', () => {
  let kusto: LocalKusto
  let client: Client
  let ingestClient: IngestClient

  before(async () => {
    kusto = await startLocalKusto({ batchingTimeMs: 20 })
    client = new Client(new KustoConnectionStringBuilder(kusto.clusterUrl))
    ingestClient = new IngestClient(new KustoConnectionStringBuilder(kusto.clusterUrl), {
      format: DataFormat.JSON,
    })
  })
  after(async () => {
    client.close()
    ingestClient.close()
    await kusto.close()
  })

  function propertiesOf(table: string): IngestionProperties {
    return new IngestionProperties({
      database: 'NetDefaultDB',
      table,
      format: DataFormat.JSON,
      flushImmediately: true,
    })
  }

  async function query(text: string): Promise<unknown[]> {
    const { primaryResults } = await client.execute('NetDefaultDB', text)
    return [...(primaryResults[0]?.rows() ?? [])].map((row) => row.toJSON())
  }

  it('runs commands and queries, with the types of their columns', async () => {
    await client.execute(
      'NetDefaultDB',
      '.create table Typed (t:datetime, s:string, l:long, d:dynamic, r:real, b:bool, i:int)',
    )

    const tables = await client.execute('NetDefaultDB', '.show tables')
    const rows = await client.execute('NetDefaultDB', 'Typed')

    assert.deepEqual(
      [...(tables.primaryResults[0]?.rows() ?? [])].map(
        (row) => row.toJSON<{ TableName: string }>().TableName,
      ),
      ['Typed'],
    )
    assert.deepEqual(
      rows.primaryResults[0]?.columns.map(({ name, type }) => `${name}:${type}`),
      ['t:datetime', 's:string', 'l:long', 'd:dynamic', 'r:real', 'b:bool', 'i:int'],
    )
  })

  it('ingests a stream, a file and a blob', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'local-kusto-'))
    t.after(() => rm(directory, { recursive: true }))
    await client.execute('NetDefaultDB', '.create table Sources (source:string, n:long)')
    const file = join(directory, 'rows.json')
    await writeFile(file, '{"source":"file","n":1}\n{"source":"file","n":2}\n')
    const blob = await aPlainClient(kusto, 'NetDefaultDB', 'Sources').upload('{"source":"blob","n":3}\n')

    await ingestClient.ingestFromStream(
      Readable.from([Buffer.from('{"source":"stream","n":4}\n')]),
      propertiesOf('Sources'),
    )
    await ingestClient.ingestFromFile(file, propertiesOf('Sources'))
    await ingestClient.ingestFromBlob(new BlobDescriptor(blob), propertiesOf('Sources'))
    await kusto.waitForRows('NetDefaultDB', 'Sources', 4)

    assert.deepEqual(await query('Sources | summarize n = sum(n) by source | order by source asc'), [
      { source: 'blob', n: 3 },
      { source: 'file', n: 3 },
      { source: 'stream', n: 4 },
    ])
  })

  it('gets the error of a wrong query as HTTP 400', async () => {
    await assert.rejects(
      client.execute('NetDefaultDB', 'Nowhere | count'),
      (error: Error & { response?: { data?: unknown } }) => {
        const data = error.response?.data as { error: { '@permanent': boolean; '@message': string } }
        assert.match(data.error['@message'], /'Nowhere' does not refer to any known table/)
        assert.equal(data.error['@permanent'], true)
        return true
      },
    )
  })

  it('sees throttling as HTTP 429', async () => {
    kusto.faults.engine = 'throttle'

    await assert.rejects(client.execute('NetDefaultDB', 'print 1'), /429/)

    kusto.faults.engine = 'none'
    assert.deepEqual(await query('print x = 1'), [{ x: 1 }])
  })
})
