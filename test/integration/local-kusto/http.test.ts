import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, it } from 'node:test'
import { startLocalKusto, type LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { aPlainClient } from './plain-client.ts'

describe('the endpoints of the local Kusto', () => {
  let kusto: LocalKusto

  before(async () => {
    kusto = await startLocalKusto({
      batchingTimeMs: 0,
      databases: { Db: { T: 'n:long, d:dynamic, t:datetime' } },
    })
    const client = aPlainClient(kusto, 'Db', 'T')
    await client.enqueue(
      await client.upload('{"n":9007199254740993,"d":{"a":[1]},"t":"2026-01-31"}\n{"d":"text"}'),
    )
    await kusto.waitForRows('Db', 'T', 2)
  })
  after(() => kusto.close())

  async function post(path: string, body: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${kusto.clusterUrl}${path}`, { method: 'POST', body })
    return { status: response.status, text: await response.text() }
  }

  it('answer version 1 with one table and every digit of a long', async () => {
    const { status, text } = await post('/v1/rest/query', JSON.stringify({ db: 'Db', csl: 'T' }))

    assert.equal(status, 200)
    assert.equal(
      text,
      '{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"n","DataType":"Int64","ColumnType":"long"},' +
        '{"ColumnName":"d","DataType":"Object","ColumnType":"dynamic"},{"ColumnName":"t","DataType":"DateTime","ColumnType":"datetime"}],' +
        String.raw`"Rows":[[9007199254740993,"{\"a\":[1]}","2026-01-31T00:00:00Z"],[null,"text",null]]}]}` +
        '\n',
    )
  })

  it('answer version 2 with the frames of a data set', async () => {
    const { text } = await post('/v2/rest/query', JSON.stringify({ db: 'Db', csl: 'T | count' }))

    const frames = JSON.parse(text) as { FrameType: string; TableKind?: string; Rows?: unknown[] }[]
    assert.deepEqual(
      frames.map(({ FrameType, TableKind }) => TableKind ?? FrameType),
      [
        'DataSetHeader',
        'QueryProperties',
        'PrimaryResult',
        'QueryCompletionInformation',
        'DataSetCompletion',
      ],
    )
    assert.deepEqual(frames[2]?.Rows, [[2]])
  })

  it('refuse what is wrong with the status and error body of Kusto', async () => {
    const cases: [string, string, number, string][] = [
      ['/v1/rest/mgmt', '{"db":"Db","csl":".dance"}', 400, 'BadRequest_SyntaxError'],
      ['/v1/rest/mgmt', '{"db":"Db","csl":".show table Nope cslschema"}', 400, 'BadRequest_EntityNotFound'],
      ['/v1/rest/query', '{"db":"Db","csl":"T | where"}', 400, 'BadRequest_SyntaxError'],
      ['/v1/rest/query', '{"db":"Db","csl":"T | where nope == 1"}', 400, 'BadRequest_SemanticError'],
      ['/v1/rest/query', '{"db":"Nope","csl":"T"}', 400, 'BadRequest_EntityNotFound'],
      ['/v1/rest/query', '{"db":"Db","csl":"T | join T on n"}', 400, 'BadRequest_NotSupported'],
      ['/v1/rest/query', 'csl=T', 400, 'BadRequest'],
      ['/v1/rest/query', '{"db":"Db"}', 400, 'BadRequest'],
      ['/v1/rest/query', ' '.repeat(5_000_000), 413, 'PayloadTooLarge'],
      ['/v1/rest/nothing', '{}', 404, 'NotFound'],
    ]
    for (const [path, body, expectedStatus, code] of cases) {
      const { status, text } = await post(path, body)

      const { error } = JSON.parse(text) as { error: Record<string, unknown> }
      assert.deepEqual(
        { body: body.slice(0, 99), status, code: error['code'] },
        { body: body.slice(0, 99), status: expectedStatus, code },
      )
      assert.equal(error['@permanent'], true)
      assert.equal(typeof error['@message'], 'string')
    }
  })

  it('tell a person at / what there is and what to try', async () => {
    const text = await (await fetch(kusto.clusterUrl)).text()

    assert.match(text, /Db: T/)
    assert.ok(text.includes(`curl -s ${kusto.clusterUrl}/v1/rest/query`))
  })

  it('answer auth metadata as the emulator does', async () => {
    assert.deepEqual(await (await fetch(`${kusto.clusterUrl}/v1/rest/auth/metadata`)).json(), {
      AzureAD: null,
    })
  })

  it('are all on this machine, and nothing else is reached for', async (t) => {
    const hosts = new Set<string>()
    const connect = t.mock.method(net.Socket.prototype, 'connect')
    const other = await startLocalKusto({ batchingTimeMs: 0, databases: { Db: { T: 'n:long' } } })
    t.after(() => other.close())
    const client = aPlainClient(other, 'Db', 'T')
    await client.enqueue(await client.upload('{"n":1}'))
    await other.waitForRows('Db', 'T', 1)

    for (const call of connect.mock.calls) hosts.add(hostOf(call.arguments))
    assert.deepEqual([...hosts], ['127.0.0.1'])
  })
})

/** The host that `Socket.connect` was called with, whose arguments Node passes on as an array. */
function hostOf(connectArguments: readonly unknown[]): string {
  const options = (Array.isArray(connectArguments[0]) ? connectArguments[0][0] : connectArguments[0]) as {
    host?: unknown
  }
  return String(options.host)
}
