import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { onCleanup } from '../helpers/cleanup.ts'
import { runSidecar, type RunningSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const certificates = join(import.meta.dirname, '..', 'tls')
const read = (name: string) => readFileSync(join(certificates, name))
const trust = { ca: read('ca.crt') }
const asClient = (name: string) => ({ ...trust, cert: read(`${name}.crt`), key: read(`${name}.key`) })

/** A sidecar with copies of the certificates, so that a test can replace them. */
async function create(t: TestContext, { isMutual = false } = {}) {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const use = async (name: string, as: string) => copyFile(join(certificates, name), join(directory, as))
  await use('server.crt', 'tls.crt')
  await use('server.key', 'tls.key')
  await use('ca.crt', 'client-ca.crt')
  const clientCa = isMutual ? `, client_ca_file: "${directory}/client-ca.crt"` : ''
  const yaml = `write: { batch_interval_ms: 50 }
server: { listen: "127.0.0.1:0", tls: { cert_file: "${directory}/tls.crt", key_file: "${directory}/tls.key"${clientCa} } }`
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  return { kusto, directory, sidecar, use }
}

/** Posts over a connection of its own. */
async function post(
  sidecar: RunningSidecar,
  tls: ConnectionOptions,
): Promise<{ status: number | undefined; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>()
  const url = `${sidecar.url}/ingest/Logs/App`
  const sent = request(url, { method: 'POST', agent: false, ...tls }, (response) => {
    text(response).then((body) => resolve({ status: response.statusCode, text: body }), reject)
  })
  sent.on('error', reject)
  sent.end('{"n":1}')
  return promise
}

/** The name in the certificate that new connections are shown. */
async function shownName(t: TestContext, sidecar: RunningSidecar): Promise<string | undefined> {
  const socket = connect({ port: sidecar.address.port, host: '127.0.0.1', ...trust })
  onCleanup(t, () => socket.destroy())
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(undefined))
    socket.once('error', reject)
  })
  const { subject }: PeerCertificate = socket.getPeerCertificate()
  socket.destroy()
  return [subject.CN].flat()[0]
}

const countOf = (sidecar: RunningSidecar, event: string) =>
  sidecar.logLines.filter((line) => line.includes(`"${event}"`)).length

describe('TLS', () => {
  it('brings records over TLS, with the admin listener in plain HTTP beside it', async (t) => {
    const { kusto, sidecar } = await create(t)
    assert.deepEqual(await post(sidecar, trust), { status: 200, text: '{"records":1,"deadLetters":0}\n' })
    await waitFor('the record', () => kusto.records().length)
    assert.equal((await fetch(`${sidecar.adminUrl}/healthz`)).status, 200)
  })

  it('sends an answer in one part over TLS too', async (t) => {
    const { sidecar } = await create(t)
    const socket = connect({ port: sidecar.address.port, host: '127.0.0.1', ...trust })
    onCleanup(t, () => socket.destroy())
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"n":1}')
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    assert.match(first.toString(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"records":1,"deadLetters":0\}\n$/)
  })

  it('speaks TLS 1.2 and 1.3, and nothing older', async (t) => {
    const { sidecar } = await create(t)
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      assert.equal((await post(sidecar, { ...trust, minVersion: version, maxVersion: version })).status, 200)
    }
    const old = {
      ...trust,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const
    await assert.rejects(post(sidecar, old))
    await waitFor('a line about it', () => countOf(sidecar, 'http.tls_failed'))
  })

  it('takes a new certificate into use without a restart, and keeps connections that are open', async (t) => {
    const { sidecar, use } = await create(t)
    const open = connect({ port: sidecar.address.port, host: '127.0.0.1', ...trust })
    onCleanup(t, () => open.destroy())
    await new Promise((resolve) => open.once('secureConnect', resolve))
    assert.equal(await shownName(t, sidecar), 'kusto-sidecar test server')
    await use('server-renewed.crt', 'tls.crt')
    await use('server-renewed.key', 'tls.key')
    await waitFor(
      'the new one',
      async () => (await shownName(t, sidecar)) === 'kusto-sidecar test server-renewed',
    )
    assert.equal(countOf(sidecar, 'http.file_unusable'), 0)
    open.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"n":1}')
    const answer = await new Promise<Buffer>((resolve) => open.once('data', resolve))
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /)
  })

  it('keeps the old certificate while the new one does not fit its key, and says so once', async (t) => {
    const { sidecar, use } = await create(t)
    await use('server-renewed.crt', 'tls.crt')
    await waitFor('the complaint', () => countOf(sidecar, 'http.file_unusable'))
    assert.equal(await shownName(t, sidecar), 'kusto-sidecar test server')
    assert.equal((await post(sidecar, trust)).status, 200)
    await use('server-renewed.key', 'tls.key')
    await waitFor(
      'the new one',
      async () => (await shownName(t, sidecar)) === 'kusto-sidecar test server-renewed',
    )
    assert.equal(countOf(sidecar, 'http.file_unusable'), 1)
    assert.ok(!sidecar.logLines.join('').includes('PRIVATE KEY'))
  })

  it('does not start with files that do not fit', async (t) => {
    const kusto = await StandInKusto.start(t)
    const directory = await temporaryDirectory(t)
    for (const [cert, key, ca, message] of [
      ['server.crt', 'client.key', 'ca.crt', /server\.tls\.cert_file .*server\.tls\.key_file .*mismatch/],
      ['README.md', 'server.key', 'ca.crt', /server\.tls\.cert_file/],
      ['server.crt', 'server.key', 'README.md', /server\.tls\.client_ca_file .*no certificate/],
      ['server.crt', 'nowhere.key', 'ca.crt', /^server\.tls\.key_file: .* cannot be read: ENOENT/],
    ] as const) {
      const [certFile, keyFile, caFile] = [cert, key, ca].map((name) => join(certificates, name))
      const yaml = `server: { listen: "127.0.0.1:0", tls: { cert_file: "${certFile}", key_file: "${keyFile}", client_ca_file: "${caFile}" } }`
      await assert.rejects(runSidecar(t, { kustoUrl: kusto.url, directory, yaml }), {
        code: 'PROCESS_START_FAILED',
        message,
      })
    }
  })

  it('breaks off plain HTTP', async (t) => {
    const { sidecar } = await create(t)
    const socket = connectPlain(sidecar.address.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk))
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
    await new Promise((resolve) => socket.once('close', resolve))
    assert.doesNotMatch(Buffer.concat(received).toString(), /HTTP\/1/)
    assert.equal((await post(sidecar, trust)).status, 200)
  })
})

describe('mutual TLS', () => {
  it('lets in a client of the CA, and no client without a certificate or of another CA', async (t) => {
    const { kusto, sidecar } = await create(t, { isMutual: true })
    await assert.rejects(post(sidecar, trust))
    await assert.rejects(post(sidecar, asClient('stranger')))
    assert.equal((await post(sidecar, asClient('client'))).status, 200)
    await waitFor('the record', () => kusto.records().length)
    assert.equal(kusto.records().length, 1)
    assert.equal(countOf(sidecar, 'http.tls_failed'), 1, 'said once, however often')
  })

  it('follows its CA file, also for clients that want to resume an earlier session', async (t) => {
    const { sidecar, use } = await create(t, { isMutual: true })
    const agentless = { ...asClient('client'), maxVersion: 'TLSv1.2' } as const
    let session: Buffer | undefined
    const socket = connect({ port: sidecar.address.port, host: '127.0.0.1', ...agentless })
    onCleanup(t, () => socket.destroy())
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    session = socket.getSession()
    socket.destroy()
    assert.ok(session)
    await use('other-ca.crt', 'client-ca.crt')
    await waitFor('the stranger to be let in', async () =>
      post(sidecar, asClient('stranger')).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await assert.rejects(post(sidecar, asClient('client')))
    await assert.rejects(post(sidecar, { ...agentless, session }))
  })

  it('does not trust the CAs of the web when its CA file becomes empty', async (t) => {
    const { sidecar, directory } = await create(t, { isMutual: true })
    const { writeFile } = await import('node:fs/promises')
    await writeFile(`${directory}/client-ca.crt`, '')
    await waitFor('the complaint', () => countOf(sidecar, 'http.file_unusable'))
    assert.equal((await post(sidecar, asClient('client'))).status, 200)
    await assert.rejects(post(sidecar, trust))
  })
})
