/**
 * Goal: nothing that was acknowledged is lost when the process dies, at whatever moment.
 * Method: a real sidecar process under load is killed at random moments, started again on the same journal, and in the end
 * every acknowledged record must be among those that Kusto was told about.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { SeededRandom } from '../fakes/seeded-random.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const yaml = `
write: { batch_interval_ms: 60, batch_size: 300 }
retry: { base_interval_ms: 20, max_interval_ms: 100 }
journal: { directory: DIRECTORY/journal, sync_interval_ms: 50 }`

/** What shippers sent, and what they were told is safe. */
class Shippers {
  readonly acknowledged = new Set<string>()
  requestsCount = 0
  #nextId = 0

  /** Posts requests one after the other until the connection breaks. */
  async load(url: string): Promise<void> {
    for (;;) {
      const records = Array.from({ length: 37 }, () => this.#nextRecord())
      try {
        const path = `/ingest/Logs/T${this.requestsCount % 3}`
        const response = await fetch(`${url}${path}`, { method: 'POST', body: records.join('\n') })
        await response.text()
        if (response.status === 200) for (const record of records) this.acknowledged.add(record)
      } catch {
        return
      }
      this.requestsCount += 1
    }
  }

  #nextRecord(): string {
    this.#nextId += 1
    return JSON.stringify({ id: this.#nextId, text: 'some text of a log line' })
  }
}

describe('kill -9 under load', () => {
  it('loses nothing that was acknowledged', { timeout: 120_000 }, async (t) => {
    const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1e9))
    t.diagnostic(`CRASH_SEED=${seed}`)
    const random = new SeededRandom(seed)
    const kusto = await StandInKusto.start(t)
    kusto.rudeness = (operation) => {
      const chance = random.next()
      if (operation === 'upload' && chance < 0.1) return 'lose-reply'
      if (operation === 'enqueue' && chance < 0.1) return 503
      return undefined
    }
    const directory = await temporaryDirectory(t)
    const start = () =>
      SidecarProcess.start(t, { kustoUrl: kusto.url, directory, yaml: yaml.replace('DIRECTORY', directory) })
    const shippers = new Shippers()
    for (let round = 0; round < 8; round += 1) {
      const sidecar = await start()
      const loads = Array.from({ length: 4 }, () => shippers.load(sidecar.url))
      // By requests and not by time, so that a slow machine tests as much as a fast one.
      const until = shippers.requestsCount + 5 + random.integer(60)
      await waitFor('the moment of death', () => shippers.requestsCount >= until)
      assert.equal(await sidecar.stop('SIGKILL'), 'SIGKILL')
      await Promise.all(loads)
    }

    await start()

    const missing = () => {
      const delivered = new Set(kusto.records())
      return [...shippers.acknowledged].filter((record) => !delivered.has(record)).length
    }
    await waitFor('every acknowledged record', () => missing() === 0).catch(() => assert.equal(missing(), 0))
    const { requestsCount, acknowledged } = shippers
    t.diagnostic(
      `${requestsCount} requests, ${acknowledged.size} acknowledged, ${kusto.records().length} delivered`,
    )
    assert.ok(acknowledged.size > 1_000)
    for (const record of kusto.records()) {
      assert.match(record, /^\{"id":\d+,"text":"some text of a log line"\}$/)
    }
  })
})

describe('signals', () => {
  it('SIGTERM and SIGINT deliver what is there and exit with 0', async (t) => {
    const kusto = await StandInKusto.start(t)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const directory = await temporaryDirectory(t)
      const sidecar = await SidecarProcess.start(t, { kustoUrl: kusto.url, directory })
      const response = await fetch(sidecar.url, { method: 'POST', body: `{"signal":"${signal}"}` })
      assert.equal(response.status, 200)
      assert.equal(await sidecar.stop(signal), 0)
      assert.ok(kusto.records().includes(`{"signal":"${signal}"}`))
    }
  })

  it('a second signal ends it at once, and the next start delivers', async (t) => {
    const kusto = await StandInKusto.start(t)
    const directory = await temporaryDirectory(t)
    const sidecar = await SidecarProcess.start(t, { kustoUrl: kusto.url, directory })
    kusto.rudeness = (operation) => (operation === 'upload' ? 'hang' : undefined)
    await fetch(sidecar.url, { method: 'POST', body: '{"n":1}' })
    sidecar.child.kill('SIGTERM')
    await waitFor('the drain', () => kusto.count('upload'))
    assert.equal(await sidecar.stop('SIGTERM'), 1)

    kusto.rudeness = () => undefined
    await SidecarProcess.start(t, { kustoUrl: kusto.url, directory })
    await waitFor('the record', () => kusto.records().length)
  })
})
