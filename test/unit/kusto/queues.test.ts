import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { Agent } from 'undici'
import { postMessage, wasNeverSent } from '../../../sidecar/kusto/queues.ts'
import { freePort } from '../../helpers/free-port.ts'

const secret = 'S3cr3tV4lue'

/** A server that does with each connection, once a request has come, what the test says. */
async function aServer(t: TestContext, onRequest: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => onRequest(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/account/queue?sig=${secret}`
}

async function post(t: TestContext, url: string) {
  const agent = new Agent()
  t.after(() => agent.destroy())
  return postMessage(agent, url, '{"Id":"1"}')
}

const answer = (status: number) => (socket: Socket) =>
  void socket.write(`HTTP/1.1 ${status} Word\r\ncontent-length: 0\r\n\r\n`)

describe('postMessage', () => {
  it('is sent with a 201, whatever else the answer is', async (t) => {
    assert.deepEqual(await post(t, await aServer(t, answer(201))), { kind: 'sent' })
    const cutOff = await aServer(t, (socket) => {
      socket.end('HTTP/1.1 201 Created\r\ncontent-length: 500\r\n\r\n<QueueMessa')
    })
    assert.deepEqual(await post(t, cutOff), { kind: 'sent' })
  })

  for (const status of [400, 401, 403, 404, 409, 413, 429]) {
    it(`was not posted when storage refuses with ${status}`, async (t) => {
      await assert.rejects(post(t, await aServer(t, answer(status))), (error: Error) => {
        assert.match(error.message, new RegExp(`refused with ${status}`))
        assert.ok(!error.message.includes(secret), error.message)
        return true
      })
    })
  }

  it('was not posted when there is no connection', async (t) => {
    const url = `http://127.0.0.1:${await freePort()}/queue?sig=${secret}`
    await assert.rejects(post(t, url), (error: Error & { code: string }) => {
      assert.equal(error.code, 'KUSTO_UNAVAILABLE')
      assert.ok(!error.message.includes(secret), error.message)
      return true
    })
    await assert.rejects(post(t, 'http://no-such-host.invalid/queue'), { code: 'KUSTO_UNAVAILABLE' })
  })

  const doubts: [string, (socket: Socket) => void][] = [
    ['the connection ends without an answer', (socket) => socket.end()],
    ['the connection is reset', (socket) => socket.resetAndDestroy()],
    ['the answer is no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH\r\n')],
    ['the answer breaks off in its head', (socket) => socket.end('HTTP/1.1 20')],
    ['it answers 500', answer(500)],
    ['it answers 503', answer(503)],
    ['it answers 504', answer(504)],
    ['it answers 408', answer(408)],
    ['it answers 200, as no queue does', answer(200)],
    ['it answers 302', answer(302)],
  ]
  for (const [what, onRequest] of doubts) {
    it(`is unknown when ${what}`, async (t) => {
      const posting = await post(t, await aServer(t, onRequest))
      assert.equal(posting.kind, 'unknown')
      if (posting.kind !== 'unknown') return
      assert.match(posting.why.code, /^KUSTO_/)
      assert.ok(!posting.why.message.includes(secret), posting.why.message)
    })
  }
})

describe('wasNeverSent', () => {
  const failure = (fields: object) => Object.assign(new Error('x'), fields)
  const connect = (code: string) => failure({ code, syscall: 'connect' })
  const cases: [string, unknown, boolean][] = [
    ['a refused connection', connect('ECONNREFUSED'), true],
    ['a connection that took too long', failure({ code: 'UND_ERR_CONNECT_TIMEOUT' }), true],
    ['a name that is not known', failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), true],
    [
      'no connection to any address',
      new AggregateError([connect('ECONNREFUSED'), connect('EHOSTUNREACH')]),
      true,
    ],
    ['a reset connection', failure({ code: 'ECONNRESET', syscall: 'read' }), false],
    ['a host that went away in the midst of it', failure({ code: 'EHOSTUNREACH', syscall: 'read' }), false],
    ['a write into a closed connection', failure({ code: 'EPIPE', syscall: 'write' }), false],
    ['silence', failure({ code: 'UND_ERR_HEADERS_TIMEOUT' }), false],
    ['a deadline', new DOMException('late', 'TimeoutError'), false],
    ['a closed socket', failure({ code: 'UND_ERR_SOCKET' }), false],
    [
      'some of several errors',
      new AggregateError([connect('ECONNREFUSED'), failure({ code: 'ECONNRESET' })]),
      false,
    ],
    ['no errors in particular', new AggregateError([]), false],
    ['nothing', undefined, false],
  ]
  for (const [what, error, outcome] of cases) {
    it(`says ${outcome} of ${what}`, () => {
      assert.equal(wasNeverSent(error), outcome)
    })
  }
})
