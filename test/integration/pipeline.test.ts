import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

async function create(t: TestContext, yaml = 'write: { batch_interval_ms: 100 }') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
  return { kusto, directory, sidecar }
}

async function deadLettersIn(directory: string): Promise<Record<string, string>[]> {
  const names = await readdir(`${directory}/dead-letter`)
  const texts = await Promise.all(names.map((name) => readFile(`${directory}/dead-letter/${name}`, 'utf8')))
  return texts
    .join('')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, string>)
}

const exactRecords = [
  '{"big":9007199254740993,"float":1.5e300,"nul":"\\u0000","emoji":"😀","separator":"\u2028","same":1,"same":2}',
  '{ "spaced" :  [ 1 , 2 ] , "escaped":"\\u00e4\\/" }',
  '{}',
]

describe('the sidecar', () => {
  it('brings records of every form to Kusto, byte for byte', async (t) => {
    const { kusto, sidecar } = await create(t)
    const forms = {
      array: `[${exactRecords.join(',')}]`,
      'spread array': `[\n  ${exactRecords.join(' ,\r\n  ')}\n]\n`,
      ndjson: `${exactRecords.join('\n')}\n`,
      'ndjson without last newline': exactRecords.join('\n'),
      'ndjson with CRLF and blank lines': `\r\n${exactRecords.join('\r\n\r\n')}\r\n`,
      concatenated: exactRecords.join(''),
      'with a byte order mark': `\uFEFF${exactRecords.join('\n')}`,
    }
    for (const [form, body] of Object.entries(forms)) {
      for (const encoding of ['identity', 'gzip']) {
        const sent = encoding === 'gzip' ? gzipSync(body) : Buffer.from(body)
        const { status, text } = await post(`${sidecar.url}/ingest/Logs/App`, sent, {
          'Content-Encoding': encoding,
        })
        assert.equal(status, 200, `${form}: ${text}`)
        assert.deepEqual(JSON.parse(text), { records: 3, deadLetters: 0 })
      }
    }
    await post(`${sidecar.url}/ingest/Logs/App`, exactRecords[0] ?? '')

    const expected = Object.keys(forms).length * 2 * 3 + 1
    await waitFor('all records', () => kusto.records().length >= expected)

    const records = kusto.records()
    assert.equal(records.length, expected)
    for (const record of new Set(records)) assert.ok(exactRecords.includes(record), record)
    assert.equal(
      records.filter((record) => record === exactRecords[0]).length,
      Object.keys(forms).length * 2 + 1,
    )
  })

  it('chooses database and table by path, and settings by route', async (t) => {
    const yaml = `
write: { batch_interval_ms: 100, additional_tags: [common] }
routes:
  - { match: { path: nginx }, database: Web, table: Nginx, batch_size: 2, ingestion_mapping_ref: nginx_json, additional_tags: [web] }`
    const { kusto, sidecar } = await create(t, yaml)
    await post(`${sidecar.url}/ingest/nginx`, '{"n":1}\n{"n":2}\n{"n":3}')
    await post(`${sidecar.url}/ingest/Other%20DB/T-1`, '{"n":4}')
    await post(sidecar.url, '{"n":5}')

    await waitFor('five records', () => kusto.records().length === 5)

    const seen = kusto
      .ingested()
      .map(({ message, lines }) => [
        message.DatabaseName,
        message.TableName,
        lines,
        message.AdditionalProperties['ingestionMappingReference'],
        message.AdditionalProperties['tags'],
      ])
    assert.deepEqual(seen.sort(), [
      ['Logs', 'App', ['{"n":5}'], undefined, '["common"]'],
      ['Other DB', 'T-1', ['{"n":4}'], undefined, '["common"]'],
      ['Web', 'Nginx', ['{"n":1}', '{"n":2}'], 'nginx_json', '["web"]'],
      ['Web', 'Nginx', ['{"n":3}'], 'nginx_json', '["web"]'],
    ])
  })

  it('keeps bad records, bad bodies and unknown routes as dead letters, and good neighbours go on', async (t) => {
    const { kusto, sidecar, directory } = await create(t)
    const url = `${sidecar.url}/ingest/Logs/App`
    const mixed = await post(url, '[{"n":1},{"bad":nan},{"n":2}]')
    assert.deepEqual([mixed.status, JSON.parse(mixed.text)], [200, { records: 2, deadLetters: 1 }])
    const unreadable = await post(url, 'this is not JSON')
    assert.equal(unreadable.status, 400)
    assert.ok((JSON.parse(unreadable.text) as { error: { message: string } }).error.message.length < 300)
    const unknown = await post(`${sidecar.url}/ingest/unknown`, '{"n":3}\n{"n":4}')
    assert.deepEqual([unknown.status, JSON.parse(unknown.text)], [200, { records: 0, deadLetters: 2 }])
    const encoded = await post(url, Buffer.from([1, 2, 255]), { 'Content-Encoding': 'lzma' })
    assert.equal(encoded.status, 415)
    assert.equal((await post(url, '')).status, 400)

    await waitFor('two records', () => kusto.records().length === 2)
    const letters = await deadLettersIn(directory)
    assert.deepEqual(
      letters.map(({ code, destination, record, record_base64 }) => [
        code,
        destination,
        record ?? record_base64,
      ]),
      [
        ['DECODE_NOT_JSON', 'Logs.App', '{"bad":nan}'],
        ['DECODE_UNREADABLE', '/ingest/Logs/App', 'this is not JSON'],
        ['ROUTE_NOT_FOUND', '/ingest/unknown', '{"n":3}'],
        ['ROUTE_NOT_FOUND', '/ingest/unknown', '{"n":4}'],
        ['HTTP_ENCODING_UNSUPPORTED', '/ingest/Logs/App', 'AQL/'],
      ],
    )
    for (const letter of letters)
      assert.ok(letter['time'] !== undefined && (letter['reason'] ?? '').length > 10)
  })

  it('refuses an unknown route when told so', async (t) => {
    const { sidecar } = await create(t, 'unrouted: reject')
    assert.equal((await post(`${sidecar.url}/ingest/unknown`, '{}')).status, 404)
    assert.equal((await post(`${sidecar.url}/ingest/a%00b/t`, '{}')).status, 400)
  })

  it('refuses a body over the limit, by its length or while it comes, also decompressed', async (t) => {
    const { sidecar } = await create(t, 'server: { listen: "127.0.0.1:0", max_body_mb: 1 }')
    const url = `${sidecar.url}/ingest/Logs/App`
    const large = JSON.stringify({ pad: 'x'.repeat(1_100_000) })
    assert.equal((await post(url, large)).status, 413)
    assert.equal((await post(url, gzipSync(large), { 'Content-Encoding': 'gzip' })).status, 413)
    const chunked = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 30; n += 1) controller.enqueue(Buffer.alloc(100_000, 'x'))
        controller.close()
      },
    })
    const response = await fetch(url, { method: 'POST', body: chunked, duplex: 'half' })
    assert.equal(response.status, 413)
    assert.equal((await post(url, '{"still":"works"}')).status, 200)
  })

  it('answers with head and body in one short write with a length', async (t) => {
    const { sidecar } = await create(t)
    for (const [body, status] of [
      ['{"n":1}', 200],
      ['nonsense', 400],
    ] as const) {
      const socket = connect(sidecar.address.port, '127.0.0.1')
      socket.write(
        `POST /ingest/Logs/App HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
      socket.destroy()
      const [head = '', rest = ''] = first.toString('utf8').split('\r\n\r\n')
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
      assert.equal(Number(/content-length: (\d+)/i.exec(head)?.[1]), rest.length)
      assert.ok(first.length < 4_000)
    }
  })

  it('says how it is', async (t) => {
    const { sidecar, kusto } = await create(t)
    for (const method of ['GET', 'HEAD'])
      assert.equal((await fetch(`${sidecar.url}/healthz`, { method })).status, 200)
    await waitFor('readiness', async () => (await fetch(`${sidecar.url}/readyz`)).status === 200)
    await post(sidecar.url, '{"n":1}')
    await waitFor('the record', () => kusto.records().length)
    const metrics = await waitFor('the metrics', async () => {
      const text = await (await fetch(`${sidecar.url}/metrics`)).text()
      return text.includes('sidecar_delivery_settled_records_total 1') ? text : undefined
    })
    assert.match(metrics, /^sidecar_http_requests_total\{status="200"\} 1$/m)
    assert.match(metrics, /^sidecar_decode_records_total 1$/m)
    assert.match(metrics, /^sidecar_journal_bytes 0$/m)
    assert.equal((await fetch(`${sidecar.url}/nothing`)).status, 404)
    assert.equal((await fetch(`${sidecar.url}/`, { method: 'DELETE' })).status, 405)
    assert.match(await (await fetch(sidecar.url)).text(), /POST \/ingest/)
  })

  it('is not ready, and says why, while Kusto is away; takes records all the same, and delivers them when it is back', async (t) => {
    const kusto = await StandInKusto.start(t)
    kusto.rudeness = () => 503
    const directory = await temporaryDirectory(t)
    const yaml = 'write: { batch_interval_ms: 100 }\nretry: { base_interval_ms: 20, max_interval_ms: 50 }'
    const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
    await waitFor('the reason', async () => {
      const response = await fetch(`${sidecar.url}/readyz`)
      return response.status === 503 && /\.get/.test(await response.text())
    })
    assert.equal((await post(sidecar.url, '{"n":1}')).status, 200)
    await waitFor(
      'some attempts',
      async () => sidecar.logLines.filter((line) => line.includes('batch.attempts_exhausted')).length >= 2,
    )

    kusto.rudeness = () => undefined

    await waitFor('the record', () => kusto.records().length === 1)
    await waitFor('readiness', async () => (await fetch(`${sidecar.url}/readyz`)).status === 200)
  })

  it('with the journal off, answers only when the batch is queued, and 503 when it cannot be', async (t) => {
    const yaml =
      'journal: { enabled: false }\nwrite: { batch_interval_ms: 100 }\nretry: { max_attempts: 2, base_interval_ms: 20, max_interval_ms: 50 }'
    const { kusto, sidecar, directory } = await create(t, yaml)
    assert.equal((await post(sidecar.url, '{"n":1}')).status, 200)
    assert.deepEqual(kusto.records(), ['{"n":1}'], 'queued before the answer')

    kusto.rudeness = (operation) => (operation === 'enqueue' ? 500 : undefined)
    assert.equal((await post(sidecar.url, '{"n":2}')).status, 503)
    kusto.rudeness = () => undefined
    assert.equal((await post(sidecar.url, '{"n":3}')).status, 200)
    assert.deepEqual(kusto.records(), ['{"n":1}', '{"n":3}'])
    assert.deepEqual(await readdir(directory), ['dead-letter'])
  })

  it('with guarantee none, answers and delivers', async (t) => {
    for (const enabled of [true, false]) {
      const { kusto, sidecar } = await create(
        t,
        `write: { batch_interval_ms: 100, delivery_guarantee: none }${enabled ? '' : '\njournal: { enabled: false }'}`,
      )
      assert.equal((await post(sidecar.url, '{"n":1}')).status, 200)
      await waitFor('the record', () => kusto.records().length === 1)
    }
  })

  it('answers 503 while the journal is full, and takes records again when Kusto is back', async (t) => {
    const { kusto, sidecar } = await create(
      t,
      'write: { batch_interval_ms: 50 }\nretry: { base_interval_ms: 20, max_interval_ms: 50 }\nserver: { listen: "127.0.0.1:0", max_body_mb: 1 }\njournal: { max_disk_mb: 2, directory: "JOURNAL" }'.replace(
        'JOURNAL',
        await temporaryDirectory(t),
      ),
    )
    kusto.rudeness = () => 503
    const { randomBytes } = await import('node:crypto')
    const acknowledged: string[] = []
    let lastStatus = 0
    for (let n = 0; n < 100 && lastStatus !== 503; n += 1) {
      const record = JSON.stringify({ n, pad: randomBytes(40_000).toString('base64') })
      lastStatus = (await post(sidecar.url, record)).status
      if (lastStatus === 200) acknowledged.push(record)
    }
    assert.equal(lastStatus, 503)
    assert.ok(acknowledged.length > 10)

    kusto.rudeness = () => undefined
    await waitFor('the backlog', () => kusto.records().length >= acknowledged.length)
    assert.equal((await post(sidecar.url, '{"again":true}')).status, 200)
    await waitFor('the last record', () => kusto.records().includes('{"again":true}'))
    const delivered = new Set(kusto.records())
    assert.ok(acknowledged.every((record) => delivered.has(record)))
  })

  it('keeps many destinations going at once', async (t) => {
    const { kusto, sidecar } = await create(t)
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        assert.equal((await post(`${sidecar.url}/ingest/Logs/T${n}`, `{"n":${n}}`)).status, 200)
      }),
    )
    await waitFor('200 records', () => kusto.records().length === 200)
    for (const { message, lines } of kusto.ingested())
      assert.deepEqual(lines, [`{"n":${message.TableName.slice(1)}}`])
  })

  it('drains: seals and delivers what is there, and leaves the rest in the journal for the next start', async (t) => {
    const { kusto, sidecar, directory } = await create(t, 'write: { batch_interval_ms: 60000 }')
    await post(sidecar.url, '{"n":1}')
    await sidecar.drain()
    assert.deepEqual(kusto.records(), ['{"n":1}'])
    assert.deepEqual((await readdir(`${directory}/journal`)).sort(), ['writer.json'])

    const yaml =
      'write: { batch_interval_ms: 60000 }\nserver: { listen: "127.0.0.1:0", shutdown_grace_ms: 100 }'
    const second = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
    kusto.rudeness = () => 'hang'
    assert.equal((await post(second.url, '{"n":2}')).status, 200)
    await second.drain()
    assert.equal(kusto.records().length, 1)

    kusto.rudeness = () => undefined
    await runSidecar(t, { kustoUrl: kusto.url, directory })
    await waitFor('the record of the last run', () => kusto.records().length === 2)
    assert.deepEqual(kusto.records(), ['{"n":1}', '{"n":2}'])
  })

  it('refuses to start on a journal that another sidecar uses', async (t) => {
    const { kusto, directory } = await create(t)
    await assert.rejects(runSidecar(t, { kustoUrl: kusto.url, directory }), { code: 'JOURNAL_LOCKED' })
  })
})
