import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

async function create(t: TestContext, yaml = 'write: { batch_interval_ms: 50 }') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  return { kusto, directory, sidecar }
}

async function deadLettersIn(directory: string): Promise<string> {
  const names = await readdir(`${directory}/dead-letter`)
  return (await Promise.all(names.map((name) => readFile(`${directory}/dead-letter/${name}`, 'utf8')))).join(
    '',
  )
}

describe('the sidecar at its edges', () => {
  it('without a journal, keeps to the guarantee of each route', async (t) => {
    const yaml = `
journal: { enabled: false }
write: { batch_interval_ms: 50 }
retry: { max_attempts: 1, base_interval_ms: 20, max_interval_ms: 50 }
routes:
  - { match: { path: none }, database: Logs, table: None, delivery_guarantee: none }`
    const { kusto, sidecar } = await create(t, yaml)
    kusto.rudeness = (operation) => (operation === 'upload' ? 500 : undefined)
    assert.equal((await post(`${sidecar.url}/ingest/none`, '{"kept":1}')).status, 200)
    assert.equal((await post(sidecar.url, '{"given back":1}')).status, 503)
    kusto.rudeness = () => undefined
    await waitFor('the record that nobody else has', () => kusto.records().length)
    assert.deepEqual(kusto.records(), ['{"kept":1}'])
  })

  it('stores equal requests of a shipper that come at the same time each for itself, and a retry of one that was given up once', async (t) => {
    const { kusto, sidecar } = await create(
      t,
      'journal: { enabled: false }\nwrite: { batch_interval_ms: 2000 }',
    )
    const joined = async () => (await sidecar.metrics.httpJoinedRequests.get()).values[0]?.value
    const inWork = async () => (await sidecar.metrics.httpInFlightRequests.get()).values[0]?.value
    const headers = { 'User-Agent': 'Fluent-Bit' }
    const equals = ['{"heartbeat":1}', '{"heartbeat":1}'].map((body) => post(sidecar.url, body, headers))
    const socket = connect(sidecar.address.port, '127.0.0.1')
    socket.write(
      'POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: Fluent-Bit\r\nContent-Length: 10\r\n\r\n{"once":1}',
    )
    await waitFor('all of them', async () => (await inWork()) === 3)
    socket.end()
    await once(socket, 'close')
    const retry = post(sidecar.url, '{"once":1}', headers)
    await waitFor('the joining', joined)
    assert.deepEqual(
      (await Promise.all([...equals, retry])).map(({ status }) => status),
      [200, 200, 200],
    )
    assert.deepEqual(kusto.records().sort(), ['{"heartbeat":1}', '{"heartbeat":1}', '{"once":1}'])
  })

  it('is ready again after a batch that storage will never take', async (t) => {
    const { kusto, sidecar, directory } = await create(t)
    const isReady = async () => (await fetch(`${sidecar.url}/readyz`)).status === 200
    await waitFor('readiness', isReady)
    kusto.rudeness = (operation) => (operation === 'upload' ? 413 : undefined)
    await post(sidecar.url, '{"n":1}')
    await waitFor('the dead letter', async () => (await deadLettersIn(directory)).length)
    await waitFor('readiness', isReady)
    const text = await (await fetch(`${sidecar.url}/metrics`)).text()
    assert.match(text, /sidecar_dead_letter_records_total\{code="KUSTO_BLOB_REFUSED"\} 1/)
  })

  it('is not ready as long as a batch waits for a storage that refuses', async (t) => {
    const yaml = 'write: { batch_interval_ms: 20 }\nretry: { base_interval_ms: 10, max_interval_ms: 20 }'
    const { kusto, sidecar } = await create(t, yaml)
    kusto.rudeness = (operation) => (operation === 'upload' ? 403 : undefined)
    await post(sidecar.url, '{"n":1}')
    await waitFor('a failed attempt', () =>
      sidecar.logLines.some((line) => line.includes('batch.attempt_failed')),
    )
    for (let n = 0; n < 20; n += 1) {
      const response = await fetch(`${sidecar.url}/readyz`)
      assert.equal(response.status, 503)
      assert.match(await response.text(), /Uploading a blob/)
    }
    await waitFor('many attempts', () => kusto.count('upload') > 30)
    assert.ok(kusto.count('resources') <= 3, `resources were fetched ${kusto.count('resources')} times`)
    kusto.rudeness = () => undefined
    await waitFor('the record', () => kusto.records().length)
  })

  it('says in its readiness why it sent requests away', async (t) => {
    const yaml = `server: { listen: "127.0.0.1:0", max_body_mb: 1, shutdown_grace_ms: 0 }
journal: { max_disk_mb: 2, directory: "${await temporaryDirectory(t)}" }`
    const { kusto, sidecar } = await create(t, yaml)
    kusto.rudeness = (operation) => (operation === 'upload' ? 'hang' : undefined)
    const { randomBytes } = await import('node:crypto')
    const record = JSON.stringify({ pad: randomBytes(300_000).toString('base64') })
    await waitFor('a refusal', async () => (await post(sidecar.url, record)).status === 503)
    assert.match(await (await fetch(`${sidecar.url}/readyz`)).text(), /journal.max_disk_mb/)
  })

  it('leaves nothing running when its port is taken', async (t) => {
    const { kusto, sidecar, directory: other } = await create(t)
    const directory = await temporaryDirectory(t)
    kusto.rudeness = (operation) => (operation === 'upload' ? 503 : undefined)
    const yaml = 'server: { listen: "127.0.0.1:0", shutdown_grace_ms: 0 }'
    const first = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
    assert.equal((await post(first.url, '{"n":1}')).status, 200)
    await first.drain()
    kusto.rudeness = () => undefined

    const taken = `server: { listen: "127.0.0.1:${sidecar.address.port}" }`
    await assert.rejects(runSidecar(t, { kustoUrl: kusto.url, directory, yaml: taken }), {
      code: 'PROCESS_START_FAILED',
    })
    assert.equal((await post(sidecar.url, '{"n":2}')).status, 200)
    await waitFor('a record of the other', () => kusto.records().includes('{"n":2}'))
    assert.ok(
      !kusto.records().includes('{"n":1}'),
      `the start that failed delivered; the other is in ${other}`,
    )

    await runSidecar(t, { kustoUrl: kusto.url, directory })
    await waitFor('the backlog', () => kusto.records().includes('{"n":1}'))
  })

  it('is ready when the batch that failed was given back to its sender', async (t) => {
    const yaml = `
journal: { enabled: false }
write: { batch_interval_ms: 20 }
retry: { max_attempts: 1, base_interval_ms: 10, max_interval_ms: 20 }`
    const { kusto, sidecar } = await create(t, yaml)
    kusto.rudeness = (operation) => (operation === 'upload' ? 500 : undefined)
    assert.equal((await post(sidecar.url, '{"n":1}')).status, 503)
    const response = await fetch(`${sidecar.url}/readyz`)
    assert.equal(response.status, 200, await response.text())
  })

  it('keeps a record of millions of values aside instead of running out of memory', async (t) => {
    const { sidecar, directory } = await create(t)
    // What is on one line is checked without making values of it, and is too large for a column; over several lines it is parsed.
    for (const [lineBreak, reason] of [
      ['', /A field of the record is over 1048576 bytes/],
      ['\n', /more than 1000000 values/],
    ] as const) {
      const poison = `{"a":[${lineBreak}${'{},'.repeat(1_500_000)}1]}`
      const { status, text } = await post(sidecar.url, `{"n":1}\n${poison}\n{"n":2}`)
      assert.deepEqual([status, JSON.parse(text)], [200, { records: 2, deadLetters: 1 }])
      assert.match(await deadLettersIn(directory), reason)
    }
  })

  it('closes the connection when nonsense follows a request that is still in work', async (t) => {
    const { sidecar } = await create(t, 'journal: { enabled: false }\nwrite: { batch_interval_ms: 300 }')
    const socket = connect(sidecar.address.port, '127.0.0.1')
    const request = 'POST /ingest/Logs/App HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{"n":1}'
    socket.write(`${request}\r\nX nonsense\r\n\r\n`)
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('close', resolve))
    assert.doesNotMatch(Buffer.concat(received).toString(), / 4\d\d /)
  })

  it('says 503 to headers that are too large, since shippers drop their data on 431', async (t) => {
    const { sidecar } = await create(t)
    assert.equal((await fetch(sidecar.url, { headers: { 'X-Large': 'x'.repeat(100_000) } })).status, 503)
  })

  it('makes one blob of one request with flush_immediately, however large', async (t) => {
    const { kusto, sidecar } = await create(t, 'write: { flush_immediately: true, batch_size: 1000000 }')
    const records = Array.from({ length: 5_000 }, (_, n) => JSON.stringify({ n, pad: 'x'.repeat(1_000) }))
    assert.equal((await post(sidecar.url, records.join('\n'))).status, 200)
    await waitFor('the records', () => kusto.records().length === records.length)
    assert.equal(kusto.messages.length, 1)
    assert.equal(kusto.messages[0]?.message.FlushImmediately, true)
  })
})
