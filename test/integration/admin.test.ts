import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { RawConnection } from '../helpers/raw-http.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

async function create(t: TestContext, yaml = 'write: { batch_interval_ms: 60000 }') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  return { kusto, directory, sidecar }
}

const command = (url: string, init: RequestInit = {}) => fetch(url, { method: 'POST', ...init })

describe('the admin listener', () => {
  it('answers the pages of the main listener', async (t) => {
    const { sidecar } = await create(t)
    assert.equal(sidecar.adminAddress?.address, '127.0.0.1')
    assert.notEqual(sidecar.adminAddress.port, sidecar.address.port)
    await waitFor('readiness', async () => (await fetch(`${sidecar.adminUrl}/readyz`)).status === 200)
    assert.equal(await (await fetch(`${sidecar.adminUrl}/healthz`)).text(), 'ok\n')
    assert.match(await (await fetch(`${sidecar.adminUrl}/metrics`)).text(), /^sidecar_journal_bytes /m)
    assert.match(await (await fetch(sidecar.adminUrl)).text(), /POST \/-\/flush/)
  })

  it('seals every open batch on request, as often as it is asked, and intake goes on', async (t) => {
    const { kusto, sidecar } = await create(t)
    for (let n = 1; n <= 3; n += 1) {
      await post(`${sidecar.url}/ingest/Logs/A`, `{"a":${n}}`)
      await post(`${sidecar.url}/ingest/Logs/B`, `{"b":${n}}`)
      const response = await command(`${sidecar.adminUrl}/-/flush`)
      assert.deepEqual([response.status, await response.json()], [200, { sealed: true }])
      await waitFor('both records', () => kusto.records().length === 2 * n)
    }
    assert.equal((await command(`${sidecar.adminUrl}/-/flush`)).status, 200, 'with nothing to seal')
  })

  it('takes no records, and tells JSON about what it does not have', async (t) => {
    const { sidecar } = await create(t)
    for (const path of ['/', '/ingest/Logs/App', '/-/nothing', '/-/']) {
      const response = await command(sidecar.adminUrl + path, { body: '{"n":1}' })
      assert.equal(response.status, 404, path)
      assert.match(JSON.stringify(await response.json()), /no such path on the admin listener/)
    }
    const response = await fetch(`${sidecar.adminUrl}/-/flush`)
    assert.deepEqual([response.status, response.headers.get('Allow')], [405, 'POST'])
  })

  it('takes no command from a browser', async (t) => {
    const { sidecar } = await create(t)
    for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }] as const) {
      // By hand: fetch sets these headers itself.
      const connection = await RawConnection.open(t, sidecar.adminAddress?.port ?? 0)
      const [line] = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      connection.write(`POST /-/flush HTTP/1.1\r\nHost: x\r\n${line}\r\nContent-Length: 0\r\n\r\n`)
      assert.equal((await connection.answer()).status, 403)
    }
  })

  it('refuses a body over 64 KB, by its length or while it comes', async (t) => {
    const { sidecar } = await create(t)
    const connection = await RawConnection.open(t, sidecar.adminAddress?.port ?? 0)
    connection.write('POST /-/flush HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n')
    assert.equal((await connection.answer()).status, 413)
    const chunked = await RawConnection.open(t, sidecar.adminAddress?.port ?? 0)
    chunked.write(`POST /-/flush HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
    chunked.write(`10001\r\n${'x'.repeat(65_537)}\r\n`)
    assert.equal((await chunked.answer()).status, 413)
  })

  it('is named by the main listener, which takes nothing below /-/, with any method', async (t) => {
    const { kusto, sidecar } = await create(t, 'write: { batch_interval_ms: 20 }')
    for (const method of ['POST', 'PUT', 'GET', 'DELETE', 'HEAD']) {
      for (const path of ['/-/flush', '/-/', '/-', '/-/anything/v1/logs', '/-/flush?x=1']) {
        const response = await fetch(sidecar.url + path, {
          method,
          ...(method === 'POST' || method === 'PUT' ? { body: '{"n":1}' } : {}),
        })
        assert.equal(response.status, 404, `${method} ${path}`)
        if (method !== 'HEAD' && !path.includes('v1'))
          assert.match(await response.text(), /server\.admin_listen/)
      }
    }
    await post(sidecar.url, '{"good":1}')
    await waitFor('the record', () => kusto.records().length)
    assert.deepEqual(kusto.records(), ['{"good":1}'])
  })

  it('can be switched off', async (t) => {
    const { sidecar } = await create(t, 'server: { listen: "127.0.0.1:0", admin_listen: "off" }')
    assert.equal(sidecar.adminAddress, undefined)
    assert.equal((await post(sidecar.url, '{}')).status, 200)
  })

  it('fails the start with the name of its key when its port is taken, and leaves nothing running', async (t) => {
    const { kusto, sidecar } = await create(t)
    const directory = await temporaryDirectory(t)
    const free = await create(t)
    await free.sidecar.drain()
    const { port } = free.sidecar.address
    const yaml = (adminPort: number) =>
      `server: { listen: "127.0.0.1:${port}", admin_listen: "127.0.0.1:${adminPort}" }`
    await assert.rejects(
      runSidecar(t, { kustoUrl: kusto.url, directory, yaml: yaml(sidecar.adminAddress?.port ?? 0) }),
      { code: 'PROCESS_START_FAILED', message: /server\.admin_listen/ },
    )
    const second = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml: yaml(0) })
    assert.equal(second.address.port, port)
  })

  it('still says how it is while the main listener drains, and is gone at the end', async (t) => {
    const yaml =
      'server: { listen: "127.0.0.1:0", shutdown_grace_ms: 3000 }\nretry: { base_interval_ms: 20, max_interval_ms: 50 }'
    const { kusto, sidecar } = await create(t, yaml)
    kusto.rudeness = (operation) => (operation === 'upload' ? 503 : undefined)
    await post(sidecar.url, '{"n":1}')
    const drained = sidecar.drain()
    const response = await waitFor('draining', async () => {
      const answer = await fetch(`${sidecar.adminUrl}/readyz`)
      return answer.status === 503 ? answer.text() : undefined
    })
    assert.match(response, /shutting down/)
    kusto.rudeness = () => undefined
    await drained
    await assert.rejects(fetch(`${sidecar.adminUrl}/healthz`))
  })
})
