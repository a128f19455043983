/** What a shipper reads on its socket: rules C1 to C8 of the README's table, byte by byte where that matters. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { RawConnection, rawPost, type RawAnswer } from '../helpers/raw-http.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

async function create(t: TestContext, yaml = 'write: { batch_interval_ms: 50 }') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  const open = () => RawConnection.open(t, sidecar.address.port)
  /** Sends these bytes on a connection of their own and reads the answer. */
  const ask = async (request: string, options?: { toHead: boolean }) => {
    const connection = await open()
    connection.write(request)
    return connection.answer(options)
  }
  return { kusto, sidecar, open, ask }
}

/** What every answer to a shipper keeps to. */
function assertFit(answer: RawAnswer): void {
  assert.ok(answer.bytesCount < 4_000, `${answer.bytesCount} bytes:\n${answer.head}`)
  assert.equal(answer.partsCount, 1, answer.head)
  assert.equal(answer.headers.has('transfer-encoding'), false, answer.head)
  assert.ok(answer.status === 200 || answer.status >= 400, answer.head)
  assert.notEqual(answer.status, 500)
  assert.notEqual(answer.status, 501)
}

const taken = '{"records":1,"deadLetters":0}\n'

describe('an answer', () => {
  it('is one part of under 4,000 bytes with a length, whatever the request', async (t) => {
    const { ask } = await create(t, 'unrouted: reject')
    const long = 'x'.repeat(9_000)
    const requests = {
      fine: rawPost('/', '{"n":1}'),
      'no records': rawPost('/', ''),
      'nothing readable': rawPost('/', long),
      'a long unknown path': rawPost(`/${long}`, '{}'),
      'a long unknown route': rawPost(`/ingest/${long}`, '{}'),
      'a long path of escapes': rawPost(`/ingest/${'%00'.repeat(3_000)}/t`, '{}'),
      'a long database': rawPost(`/ingest/${long}/t`, '{}'),
      'a long unknown encoding': rawPost('/', '{}', { 'Content-Encoding': long }),
      'many encodings': rawPost('/', '{}', { 'Content-Encoding': 'gzip,'.repeat(1_500) }),
      'a long type': rawPost('/', '{"n":', { 'Content-Type': long }),
      'an admin path': rawPost(`/-/${long}`, '{}'),
      'a broken gzip': rawPost('/', 'x', { 'Content-Encoding': 'gzip' }),
      'a long broken record': rawPost('/', `{"${long}${'\\u0000'.repeat(500)}":}`),
      'OTLP, unknown': rawPost(`/${long}/v1/logs`, 'x', { 'Content-Type': 'application/json' }),
      'OTLP in protobuf, broken': rawPost('/v1/logs', long),
      'another method': `DELETE /${long} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'a page that is not there': `GET /${long} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'an unknown method': 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n',
      'headers that are too large': rawPost('/', '{}', { 'X-Large': 'x'.repeat(100_000) }),
    }
    for (const [name, request] of Object.entries(requests)) {
      const answer = await ask(request)
      assertFit(answer)
      if (name !== 'fine') assert.notEqual(answer.status, 200, name)
    }
  })

  it('to a request that the sidecar cannot take now is 503, never 500, and fit as any other', async (t) => {
    const { ask, sidecar } = await create(
      t,
      'journal: { enabled: false }\nwrite: { batch_interval_ms: 30000 }',
    )
    const waiting = ask(rawPost('/', '{"n":1}'))
    await waitFor('the request', async () => (await sidecar.metrics.batchOpen.get()).values[0]?.value)
    const drained = sidecar.drain()
    assertFit(await waiting)
    await drained
  })

  it('keeps the connection open for further requests', async (t) => {
    const { open } = await create(t)
    const connection = await open()
    for (let n = 0; n < 50; n += 1) {
      connection.write(rawPost('/', n % 3 === 0 ? 'nonsense' : '{"n":1}'))
      const answer = await connection.answer()
      assert.equal(answer.status, n % 3 === 0 ? 400 : 200)
      assert.notEqual(answer.headers.get('connection'), 'close')
      assertFit(answer)
    }
  })

  it('comes for each of many requests on one connection, in their order, when they are sent at once', async (t) => {
    const { kusto, open } = await create(t)
    const connection = await open()
    const bodies = Array.from({ length: 30 }, (_, n) => (n % 7 === 3 ? 'nonsense' : JSON.stringify({ n })))
    connection.write(bodies.map((body) => rawPost('/', body)).join(''))
    for (const body of bodies) {
      const { status } = await connection.answer()
      assert.equal(status, body === 'nonsense' ? 400 : 200, body)
    }
    const good = bodies.filter((body) => body !== 'nonsense')
    await waitFor('the records', () => kusto.records().length === good.length)
    assert.deepEqual(kusto.records().toSorted(), good.toSorted())
  })

  it('is never a 400 for nonsense while an earlier request on the connection has no answer yet', async (t) => {
    const yaml = `
journal: { enabled: false }
write: { batch_interval_ms: 500 }
routes:
  - { match: { path: fast }, database: Logs, table: Fast, delivery_guarantee: none }`
    const { open } = await create(t, yaml)
    const connection = await open()
    connection.write(rawPost('/ingest/fast', '{"n":1}') + rawPost('/', '{"n":2}'))
    assert.equal((await connection.answer()).status, 200)
    connection.write('X nonsense\r\n\r\n')
    await connection.closed()
    assert.doesNotMatch(connection.received.toString(), / 4\d\d /)
  })

  it('ends the connection where the client asked for that, or speaks HTTP/1.0', async (t) => {
    const { open } = await create(t)
    for (const request of [
      rawPost('/', '{"n":1}', { Connection: 'close' }),
      'POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\n{"n":1}',
      'POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\n{"n":1}',
    ]) {
      const connection = await open()
      connection.write(request)
      const answer = await connection.answer()
      assert.equal(answer.body.toString(), taken)
      if (answer.headers.get('connection') === 'close') await connection.closed()
    }
  })
})

describe('a request', () => {
  const chunked =
    'Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"n\r\n4;ext=1\r\n":1}\r\n0\r\nTrailer: x\r\n\r\n'
  const forms: Record<string, string> = {
    'with a length': rawPost('/ingest/Logs/App', '{"n":1}'),
    'with PUT': rawPost('/ingest/Logs/App', '{"n":1}').replace('POST', 'PUT'),
    'in chunks': `POST /ingest/Logs/App HTTP/1.1\r\n${chunked}`,
    'without Host': 'POST /ingest/Logs/App HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"n":1}',
    'with a whole address, as a proxy sends it': rawPost('http://sidecar:8080/ingest/Logs/App', '{"n":1}'),
    'with a whole address and no path': rawPost('http://sidecar:8080?x=1', '{"n":1}'),
    'with a query': rawPost('/ingest/Logs/App?source=a/b', '{"n":1}'),
    'with an unknown expectation': rawPost('/', '{"n":1}', { Expect: 'something-else' }),
    'with 100-continue, and its body at once': rawPost('/', '{"n":1}', { Expect: '100-Continue' }),
    'that offers HTTP/2': rawPost('/', '{"n":1}', {
      Connection: 'Upgrade, HTTP2-Settings',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABkAAQAAP__',
    }),
    'that offers a websocket': rawPost('/', '{"n":1}', { Connection: 'Upgrade', Upgrade: 'websocket' }),
  }
  for (const [name, request] of Object.entries(forms)) {
    it(`${name} is taken`, async (t) => {
      const { kusto, open } = await create(t)
      const connection = await open()
      connection.write(request)
      let answer = await connection.answer()
      if (name.includes('100-continue')) {
        assert.equal(answer.status, 100)
        answer = await connection.answer()
      }
      assert.deepEqual([answer.status, answer.body.toString()], [200, taken])
      assertFit(answer)
      await waitFor('the record', () => kusto.records().length)
      assert.deepEqual(kusto.records(), ['{"n":1}'])
    })
  }

  it('that expects 100-continue is told to go on, once, and only then', async (t) => {
    const { open } = await create(t)
    const connection = await open()
    connection.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n')
    assert.equal((await connection.answer()).status, 100)
    connection.write('{"n":1}')
    assert.equal((await connection.answer()).status, 200)
    connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n')
    assert.equal((await connection.answer()).status, 200)
  })

  it('that comes byte by byte is taken', async (t) => {
    const { open } = await create(t)
    const connection = await open()
    for (const byte of rawPost('/', '{"n":1}')) {
      connection.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await connection.answer()).status, 200)
  })

  it('that is broken off leaves nothing behind and disturbs nobody', async (t) => {
    const { kusto, sidecar, open } = await create(t)
    for (const part of [
      'POST / HT',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half":',
      rawPost('/', '{').slice(0, -1),
    ]) {
      const connection = await open()
      connection.write(part)
      await new Promise((resolve) => setTimeout(resolve, 20))
      connection.socket.resetAndDestroy()
    }
    assert.equal((await post(sidecar.url, '{"n":1}')).status, 200)
    await waitFor(
      'room',
      async () => (await sidecar.metrics.httpInFlightRequests.get()).values[0]?.value === 0,
    )
    await waitFor('the record', () => kusto.records().length)
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('with two lengths that may disagree is refused and the connection closed, so that no second one is smuggled in', async (t) => {
    const { kusto, open } = await create(t)
    const smuggled = rawPost('/', '{"smuggled":1}')
    for (const head of [
      `Transfer-Encoding: chunked\r\nContent-Length: ${smuggled.length}\r\n\r\n0\r\n\r\n${smuggled}`,
      `Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    ]) {
      const connection = await open()
      connection.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}`)
      assert.equal((await connection.answer()).status, 503)
      await connection.closed()
      assert.equal(connection.received.length, 0)
    }
    assert.deepEqual(kusto.records(), [])
  })
})

describe('a question', () => {
  it('by HEAD is answered exactly 200 without a body, wherever records can be posted', async (t) => {
    const { open } = await create(t)
    const connection = await open()
    for (const path of [
      '/',
      '/healthz',
      '/ingest/Logs/App',
      '/ingest/unknown',
      '/v1/logs',
      '/ingest/a/b/v1/logs',
      '/x',
    ]) {
      connection.write(`HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      const answer = await connection.answer({ toHead: true })
      assert.equal(answer.status, 200, path)
      assert.equal(connection.received.length, 0, path)
    }
    connection.write(rawPost('/', '{"n":1}'))
    assert.equal((await connection.answer()).status, 200)
  })

  it('by another method says which methods there are', async (t) => {
    const { sidecar } = await create(t)
    for (const [method, path, allow] of [
      ['GET', '/ingest/Logs/App', 'POST, PUT, HEAD'],
      ['GET', '/v1/logs', 'POST, PUT, HEAD'],
      ['DELETE', '/ingest/Logs/App', 'POST, PUT, HEAD'],
      ['PATCH', '/anything', 'POST, PUT, HEAD'],
      ['OPTIONS', '/', 'GET, HEAD, POST, PUT'],
      ['DELETE', '/healthz', 'GET, HEAD, POST, PUT'],
    ] as const) {
      const response = await fetch(sidecar.url + path, { method })
      assert.deepEqual([response.status, response.headers.get('Allow')], [405, allow], `${method} ${path}`)
      assert.match(await response.text(), /HTTP_METHOD_UNSUPPORTED/)
    }
  })
})

describe('an answer to OTLP', () => {
  const logs = JSON.stringify({
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1', body: { stringValue: 'hello' } }] }] }],
  })

  it('has the form of OTLP, in the format of the request', async (t) => {
    const { ask } = await create(t)
    const asJson = { 'Content-Type': 'application/json' }
    const good = await ask(rawPost('/ingest/Logs/App/v1/logs', logs, asJson))
    assert.deepEqual([good.status, good.headers.get('content-type')], [200, 'application/json'])
    assert.deepEqual(JSON.parse(good.body.toString()), {})
    assertFit(good)

    const bad = await ask(rawPost('/v1/logs', 'nonsense', asJson))
    assert.equal(bad.status, 400)
    assert.deepEqual(Object.keys(JSON.parse(bad.body.toString()) as object), ['message'])
    assertFit(bad)

    const binary = await ask(rawPost('/v1/logs', 'nonsense', { 'Content-Type': 'application/x-protobuf' }))
    assert.deepEqual([binary.status, binary.headers.get('content-type')], [400, 'application/x-protobuf'])
    assert.equal(binary.body[0], 0x12, 'google.rpc.Status.message')
    assertFit(binary)
  })

  it('has it too when a credential is refused', async (t) => {
    const { ask } = await create(t, 'server: { listen: "127.0.0.1:0", auth: { type: bearer, token: t } }')
    const answer = await ask(rawPost('/v1/logs', logs, { 'Content-Type': 'application/json; charset=utf-8' }))
    assert.equal(answer.status, 503)
    assert.match(answer.body.toString(), /^\{"message":"The request has no credential/)
  })

  it('is the same for compressed requests', async (t) => {
    const { sidecar } = await create(t)
    const { status, text } = await post(`${sidecar.url}/v1/logs`, gzipSync(logs), {
      'Content-Type': 'application/json',
      'Content-Encoding': 'gzip',
    })
    assert.deepEqual([status, text], [200, '{}'])
  })
})
