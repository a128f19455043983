import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { Agent } from 'undici'
import { EngineClient } from '../../../sidecar/kusto/engine.ts'
import { systemRandom } from '../../../sidecar/platform/random.ts'

const secret = 'S3cr3tV4lue'
const table = { TableName: 'T', Columns: [{ ColumnName: 'Tags' }], Rows: [['a']] }

/** An engine that gives this answer to everything. */
async function anEngine(t: TestContext, status: number, text: string) {
  const requests: { url: string | undefined; headers: IncomingMessage['headers']; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      requests.push({ url: request.url, headers: request.headers, body })
      response.writeHead(status).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent()
  t.after(async () => {
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  let forgotten = 0
  const tokens = { token: async () => secret, forget: () => void (forgotten += 1) }
  const clusterUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new EngineClient({ clusterUrl, dispatcher, tokens, random: systemRandom })
  return { requests, ask: () => client.command('Logs', '.show it'), forgotten: () => forgotten }
}

describe('EngineClient', () => {
  it('posts the command as the documentation says, with the token, and gives rows by column', async (t) => {
    const { requests, ask } = await anEngine(t, 200, JSON.stringify({ Tables: [table] }))

    assert.deepEqual(await ask(), { kind: 'rows', rows: [{ Tags: 'a' }] })

    const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = requests
    assert.equal(url, '/v1/rest/mgmt')
    assert.deepEqual(JSON.parse(body), { db: 'Logs', csl: '.show it' })
    assert.equal(headers['authorization'], `Bearer ${secret}`)
    assert.equal(headers['accept'], 'application/json')
    assert.match(String(headers['x-ms-client-request-id']), /^kusto-sidecar;[0-9a-f]{32}$/)
  })

  const broken: [string, string][] = [
    ['no JSON', '<html>'],
    ['nothing', ''],
    ['no tables', '{"Tables":[]}'],
    ['another form', '[{"FrameType":"DataSetHeader"}]'],
    ['a table without rows', JSON.stringify({ Tables: [{ ...table, Rows: undefined }] })],
    ['a table without columns', JSON.stringify({ Tables: [{ ...table, Columns: undefined }] })],
    [
      'an error in the midst of the rows',
      JSON.stringify({ Tables: [{ ...table, Rows: [['a'], { Exceptions: ['x'] }] }] }),
    ],
    ['an error after the tables', JSON.stringify({ Tables: [{ ...table, Rows: [] }], Exceptions: ['x'] })],
    ['more than is read', JSON.stringify({ Tables: [{ ...table, Rows: [['x'.repeat(9_000_000)]] }] })],
  ]
  for (const [what, text] of broken) {
    it(`rejects when the answer is ${what}, which is not the same as no rows`, async (t) => {
      const { ask } = await anEngine(t, 200, text)
      await assert.rejects(ask(), { code: 'KUSTO_UNCLASSIFIED' })
    })
  }

  const error = (code: string, isPermanent: boolean) =>
    JSON.stringify({ error: { code, '@message': `No. Bearer ${secret}`, '@permanent': isPermanent } })
  const refusals: [number, string, isAboutEntity: boolean][] = [
    [400, error('BadRequest_SyntaxError', true), false],
    [400, error('BadRequest_EntityNotFound', true), true],
    [400, 'no words', false],
    [401, '', false],
    [403, error('Forbidden', true), false],
    [404, '', false],
  ]
  for (const [status, text, isAboutEntity] of refusals) {
    it(`takes ${status} ${text.slice(0, 50)} for a refusal`, async (t) => {
      const { ask, forgotten } = await anEngine(t, status, text)
      const answer = await ask()
      assert.equal(answer.kind, 'refused')
      if (answer.kind !== 'refused') return
      assert.equal(answer.isAboutEntity, isAboutEntity)
      assert.ok(!answer.error.message.includes(secret), answer.error.message)
      assert.equal(forgotten(), status === 401 ? 1 : 0)
    })
  }

  const failures: [number, string, string][] = [
    [400, error('BadRequest_Busy', false), 'KUSTO_UNCLASSIFIED'],
    [429, '', 'KUSTO_THROTTLED'],
    [500, error('Internal', false), 'KUSTO_UNAVAILABLE'],
    [504, '', 'KUSTO_TIMEOUT'],
    [302, '', 'KUSTO_UNCLASSIFIED'],
  ]
  for (const [status, text, code] of failures) {
    it(`rejects with ${code} after a ${status}`, async (t) => {
      const { ask } = await anEngine(t, status, text)
      await assert.rejects(ask(), (thrown: Error & { code: string }) => {
        assert.equal(thrown.code, code)
        assert.ok(!thrown.message.includes(secret), thrown.message)
        return true
      })
    })
  }
})
