import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { RawConnection, rawPost } from '../helpers/raw-http.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

async function create(t: TestContext, auth: string, more = '') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const yaml = `write: { batch_interval_ms: 50 }\nserver: { listen: "127.0.0.1:0", auth: { ${auth} }${more} }`
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  return { kusto, directory, sidecar }
}

const inline = 'type: basic, username: alice, password: PLANTED'

describe('who may post', () => {
  it('is whoever shows the name and password, when these are asked for', async (t) => {
    const { kusto, sidecar } = await create(t, inline)
    for (const headers of [undefined, basic('alice:wrong'), bearer('PLANTED')]) {
      const { status, text } = await post(`${sidecar.url}/ingest/Logs/App`, '{"bad":1}', headers)
      assert.equal(status, 503)
      assert.match(text, /"HTTP_UNAUTHORIZED_HELD"/)
    }
    assert.equal((await post(sidecar.url, '{"n":1}', basic('alice:PLANTED'))).status, 200)
    await waitFor('the record', () => kusto.records().length)
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('gets 401 with a challenge when the operator chose so', async (t) => {
    const { sidecar } = await create(t, 'type: bearer, token: PLANTED, on_refused: 401')
    const response = await fetch(sidecar.url, { method: 'POST', body: '{}', headers: bearer('x') })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('WWW-Authenticate'), 'Bearer realm="kusto-sidecar"')
    assert.match(await response.text(), /"HTTP_UNAUTHORIZED"/)
    assert.equal((await post(sidecar.url, '{}', bearer('PLANTED'))).status, 200)
  })

  it('can be changed without a restart: tokens are rotated by replacing a file', async (t) => {
    const directory = await temporaryDirectory(t)
    const replace = async (text: string) => {
      await writeFile(`${directory}/next`, text)
      await rename(`${directory}/next`, `${directory}/token`)
    }
    await replace('old\n')
    const { sidecar } = await create(t, `type: bearer, token_files: ["${directory}/token"]`)
    const statusOf = async (token: string) => (await post(sidecar.url, '{}', bearer(token))).status
    assert.deepEqual([await statusOf('old'), await statusOf('new')], [200, 503])
    await replace('old\nnew\n')
    await waitFor('the new token', async () => (await statusOf('new')) === 200)
    assert.equal(await statusOf('old'), 200)
    await replace('new\n')
    await waitFor('the end of the old token', async () => (await statusOf('old')) === 503)
    assert.equal(await statusOf('new'), 200)
    await replace('')
    await waitFor('the complaint', () => sidecar.logLines.some((line) => line.includes('http.file_unusable')))
    assert.equal(await statusOf('new'), 200)
  })

  it('is told at the start, by its key, that a file with credentials is missing', async (t) => {
    await assert.rejects(create(t, 'type: basic, users_file: /nowhere/users'), {
      code: 'PROCESS_START_FAILED',
      message: /^server\.auth\.users_file: \/nowhere\/users cannot be read: ENOENT/,
    })
  })

  it('needs no credential for the pages of health and metrics, and one for HEAD where records go', async (t) => {
    const { sidecar } = await create(t, inline)
    await waitFor('readiness', async () => (await fetch(`${sidecar.url}/readyz`)).status === 200)
    for (const base of [sidecar.url, sidecar.adminUrl]) {
      for (const path of ['/', '/healthz', '/readyz', '/metrics']) {
        for (const method of ['GET', 'HEAD']) {
          assert.equal((await fetch(base + path, { method })).status, 200, `${method} ${path}`)
        }
      }
    }
    const url = `${sidecar.url}/ingest/Logs/App`
    assert.equal((await fetch(url, { method: 'HEAD' })).status, 503)
    assert.equal((await fetch(url, { method: 'HEAD', headers: basic('alice:PLANTED') })).status, 200)
  })

  it('is loud when it is refused: log, metric and readiness, and tells no secret', async (t) => {
    const { sidecar } = await create(t, inline)
    await waitFor('readiness', async () => (await fetch(`${sidecar.url}/readyz`)).status === 200)
    const seen: string[] = []
    for (let n = 0; n < 20; n += 1)
      seen.push((await post(sidecar.url, '{}', basic('alice:OTHERSECRET'))).text)
    const ready = await fetch(`${sidecar.url}/readyz`)
    assert.equal(ready.status, 503)
    seen.push(await ready.text())
    assert.match(seen.at(-1) ?? '', /refused for their credential/)
    const metrics = await (await fetch(`${sidecar.adminUrl}/metrics`)).text()
    assert.match(metrics, /^sidecar_http_unauthorized_total 20$/m)
    assert.match(metrics, /^sidecar_http_requests_total\{status="503"\} 20$/m)
    await sidecar.drain()
    assert.equal(sidecar.logLines.filter((line) => line.includes('http.unauthorized')).length, 1)
    const output = [...seen, metrics, ...sidecar.logLines].join('\n')
    for (const secret of ['PLANTED', 'OTHERSECRET', basic('alice:OTHERSECRET').Authorization.slice(6)])
      assert.ok(!output.includes(secret))
  })

  it('takes no place in a limit and makes nobody read a large body when it is refused', async (t) => {
    const { sidecar } = await create(t, inline, ', max_in_flight_requests: 1')
    const large = await RawConnection.open(t, sidecar.address.port)
    large.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n[')
    const { status, headers } = await large.answer()
    assert.deepEqual([status, headers.get('connection')], [503, 'close'])
    await large.closed()

    const endless = await RawConnection.open(t, sidecar.address.port)
    endless.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const part = `10000\r\n${'x'.repeat(65_536)}\r\n`
    let partsCount = 0
    for (let isTaken = true; isTaken && partsCount < 1_000; partsCount += 1) {
      isTaken = await new Promise((resolve) => endless.socket.write(part, (error) => resolve(!error)))
    }
    // What the kernel holds comes on top of what the sidecar reads.
    assert.ok(partsCount < 500, `${partsCount * part.length} bytes were taken`)
    await endless.closed()

    // While these held nothing, the only place is free.
    const slow = await RawConnection.open(t, sidecar.address.port)
    slow.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{')
    assert.equal((await post(sidecar.url, '{}', basic('alice:PLANTED'))).status, 200)
  })

  it('answers a refused request of usual size on a connection that stays open', async (t) => {
    const { sidecar } = await create(t, inline)
    const connection = await RawConnection.open(t, sidecar.address.port)
    for (let n = 0; n < 3; n += 1) {
      connection.write(rawPost('/', JSON.stringify({ pad: 'x'.repeat(500_000) })))
      assert.equal((await connection.answer()).status, 503)
    }
    connection.write(rawPost('/', '{}', basic('alice:PLANTED')))
    assert.equal((await connection.answer()).status, 200)
  })

  it('is not asked for a body that will be refused', async (t) => {
    const { sidecar } = await create(t, inline)
    const connection = await RawConnection.open(t, sidecar.address.port)
    connection.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n')
    assert.equal((await connection.answer()).status, 503)
    await connection.closed()
  })
})
