/**
 * Goal: nothing that the http sink of Vector sends is lost, in any of its forms and encodings, through restarts and a full journal.
 * Method: a scripted client that was written after the source of Vector 0.58 (`test/helpers/vector-client.ts`). It is a reproduction, and
 * not Vector: that this client loses nothing says what the sidecar answers, and that a real Vector reads the answers the same
 * way rests on how well its source was read.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { onCleanup } from '../helpers/cleanup.ts'
import { freePort } from '../helpers/free-port.ts'
import { runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import {
  vectorCompressions,
  vectorForms,
  VectorSink,
  type VectorForm,
  type VectorSinkOptions,
} from '../helpers/vector-client.ts'
import { waitFor } from '../helpers/wait.ts'

/** Vector waits seconds; a test does not. */
const hurried = { sleep: (ms: number) => pause(Math.min(ms, 30)), random: () => 0.5 }

function aSink(t: TestContext, options: Partial<VectorSinkOptions> & { uri: string }): VectorSink {
  const sink = new VectorSink({ form: 'ndjson', clock: hurried, ...options })
  onCleanup(t, () => sink.close())
  return sink
}

function recordOf(form: VectorForm, id: string): string {
  if (form === 'text') return `{not JSON} "${id}" Grüße 😀`
  return `{"id":"${id}","big":9007199254740993,"message":"Grüße \\u2028 😀"}`
}

const idPattern = /v-[\w-]+-end/

function idsOf(kusto: StandInKusto): string[] {
  return kusto.records().map((record) => idPattern.exec(record)?.[0] ?? `no id: ${record.slice(0, 80)}`)
}

describe('what Vector sends', () => {
  it('arrives complete in every form and encoding, while the sidecar restarts', async (t) => {
    const kusto = await StandInKusto.start(t)
    const directory = await temporaryDirectory(t)
    const port = await freePort()
    const yaml = `server: { listen: "127.0.0.1:${port}", shutdown_grace_ms: 3000 }\nwrite: { batch_interval_ms: 50 }`
    const start = () => runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
    let sidecar = await start()
    const sent: string[] = []
    const batchesCount = 6
    const senders = vectorForms.flatMap((form) =>
      vectorCompressions.map(async (compression) => {
        const uri = `http://127.0.0.1:${port}/ingest/Logs/${form}_${compression}`
        const sink = aSink(t, { uri, form, compression })
        for (let batch = 0; batch < batchesCount; batch += 1) {
          const ids = Array.from({ length: 4 }, (_, n) => `v-${form}-${compression}-${batch}-${n}-end`)
          sent.push(...ids)
          const outcome = await sink.send(ids.map((id) => recordOf(form, id)))
          assert.equal(outcome.kind, 'delivered', `${form} ${compression}: ${JSON.stringify(outcome)}`)
          await pause(60)
        }
      }),
    )
    for (let restart = 0; restart < 2; restart += 1) {
      await pause(150)
      await sidecar.drain()
      await pause(100)
      sidecar = await start()
    }
    await Promise.all(senders)

    const missing = () => {
      const seen = new Set(idsOf(kusto))
      return sent.filter((id) => !seen.has(id))
    }
    await waitFor('every record', () => missing().length === 0).catch(() => assert.deepEqual(missing(), []))
    const arrived = idsOf(kusto)
    t.diagnostic(`${sent.length} sent, ${arrived.length} rows`)
    assert.equal(sent.length, vectorForms.length * vectorCompressions.length * batchesCount * 4)
    assert.deepEqual(
      arrived.filter((id) => !sent.includes(id)),
      [],
    )
    for (const { message, lines } of kusto.ingested()) {
      const form = message.TableName.split('_').slice(0, -1).join('_') as VectorForm
      for (const line of lines) {
        const wanted = recordOf(form, idPattern.exec(line)?.[0] ?? '')
        if (form === 'text') assert.equal((JSON.parse(line) as { message?: string }).message, wanted)
        else assert.equal(line, wanted, 'a record stays as it came')
      }
    }
  })

  it('waits while the journal is full, and then arrives complete', async (t) => {
    const kusto = await StandInKusto.start(t)
    kusto.rudeness = () => 503
    const directory = await temporaryDirectory(t)
    const yaml = `write: { batch_interval_ms: 50 }
retry: { base_interval_ms: 20, max_interval_ms: 50 }
server: { listen: "127.0.0.1:0", max_body_mb: 1 }
journal: { directory: "${directory}/journal", max_disk_mb: 2 }`
    const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
    const sink = aSink(t, { uri: `${sidecar.url}/ingest/Logs/App`, compression: 'gzip' })
    const ids = Array.from({ length: 80 }, (_, n) => `v-full-${n}-end`)
    const outcomes = Promise.all(
      ids.map((id) => sink.send([JSON.stringify({ id, noise: randomBytes(40_000).toString('base64') })])),
    )
    await waitFor('a refusal', () => sidecar.logLines.some((line) => line.includes('JOURNAL_FULL')))

    kusto.rudeness = () => undefined

    const results = await outcomes
    assert.deepEqual(new Set(results.map(({ kind }) => kind)), new Set(['delivered']))
    assert.ok(
      results.some(({ attempts }) => attempts > 1),
      'no request had to come again',
    )
    await waitFor('every record', () => {
      const arrived = new Set(idsOf(kusto))
      return ids.every((id) => arrived.has(id))
    })
  })

  it('is checked for health with HEAD', async (t) => {
    const kusto = await StandInKusto.start(t)
    const directory = await temporaryDirectory(t)
    const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory })
    const sink = aSink(t, { uri: sidecar.url })
    assert.equal(await sink.healthcheck(`${sidecar.url}/healthz`), true)
  })
})

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

describe('the scripted Vector', () => {
  it('keeps or drops a batch by the status, as the source of Vector says', async (t) => {
    let status = 200
    let requests = 0
    const bodies = new Set<string>()
    const uri = await serve(t, (request, response) => {
      requests += 1
      request.on('data', (chunk: Buffer) => bodies.add(chunk.toString()))
      request.on('end', () => {
        // The second time everything is fine.
        response.writeHead(requests > 1 ? 200 : status, { 'content-length': 0, location: '/elsewhere' }).end()
      })
    })
    for (const [answered, wanted] of [
      [200, 'delivered'],
      [204, 'delivered'],
      [408, 'retried'],
      [429, 'retried'],
      [500, 'retried'],
      [503, 'retried'],
      [501, 'dropped'],
      [302, 'dropped'],
      [400, 'dropped'],
      [401, 'dropped'],
      [404, 'dropped'],
      [413, 'dropped'],
    ] as const) {
      status = answered
      requests = 0
      bodies.clear()
      const outcome = await aSink(t, { uri }).send(['{"n":1}'])
      const seen = outcome.kind === 'delivered' && outcome.attempts > 1 ? 'retried' : outcome.kind
      assert.equal(seen, wanted, `status ${answered}`)
      assert.deepEqual([...bodies], ['{"n":1}'], 'every attempt has the same bytes')
    }
  })

  it('drops a batch whose answer breaks off, and sends again what was never answered', async (t) => {
    let requests = 0
    let behave: RequestListener = () => undefined
    const uri = await serve(t, (request, response) => {
      requests += 1
      request.resume()
      if (requests > 1) response.end()
      else behave(request, response)
    })
    for (const [name, first, wanted] of [
      [
        'a short body',
        ((_, response) => {
          response.writeHead(503, { 'content-length': 10 })
          response.write('short')
          setTimeout(() => response.destroy(), 20)
        }) satisfies RequestListener,
        'dropped',
      ],
      ['a reset', ((request) => request.socket.destroy()) satisfies RequestListener, 'delivered'],
      ['silence', (() => undefined) satisfies RequestListener, 'delivered'],
    ] as const) {
      requests = 0
      behave = first
      const outcome = await aSink(t, { uri, timeoutMs: 200 }).send(['{"n":1}'])
      assert.equal(outcome.kind, wanted, name)
      assert.equal(outcome.attempts, wanted === 'dropped' ? 1 : 2, name)
    }
  })

  it('waits 1, 2, 3, 5, 8, 13, 21 and then 30 seconds at most', async (t) => {
    let requests = 0
    const uri = await serve(t, (request, response) => {
      requests += 1
      request.resume()
      response.writeHead(requests > 9 ? 200 : 503, { 'content-length': 0 }).end()
    })
    const waits: number[] = []
    const clock = { sleep: async (ms: number) => void waits.push(ms), random: () => 1 - Number.EPSILON }
    await aSink(t, { uri, clock }).send(['{}'])
    assert.deepEqual(waits, [1_000, 2_000, 3_000, 5_000, 8_000, 13_000, 21_000, 30_000, 30_000])
  })

  it('is not healthy with 204', async (t) => {
    const uri = await serve(t, (_, response) => response.writeHead(204).end())
    assert.equal(await aSink(t, { uri }).healthcheck(uri), false)
  })
})
