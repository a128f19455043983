/**
 * Goal: with exactly_once every acknowledged record is in its table once, whatever moment the process dies at.
 * Method: clients that send again until they see a 200, a sidecar process that is killed and started again, the local Kusto behind it, which
 * really ingests and really checks tags.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, it, type TestContext } from 'node:test'
import type { LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { SeededRandom } from '../fakes/seeded-random.ts'
import { startKusto } from '../helpers/local-kusto.ts'
import { RetryingClient } from '../helpers/retrying-client.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

/** How rows come into their table. */
type Commit = 'in_place' | 'staging'

const yaml = (directory: string, commit: Commit) => `
write:
  delivery_guarantee: exactly_once
  commit: ${commit}
  batch_interval_ms: 60
  batch_size: 100
  poll_interval_ms: 100
  poll_timeout_ms: 3000
retry: { base_interval_ms: 20, max_interval_ms: 200 }
journal: { directory: ${directory}/journal }
`
const tables = ['T0', 'T1']
const clientsCount = 3
const dying = fileURLToPath(new URL('dying-sidecar.ts', import.meta.url))

class World {
  readonly kusto: LocalKusto
  readonly clients: RetryingClient[]
  readonly #t: TestContext
  readonly #directory: string
  readonly #commit: Commit
  #sidecar: SidecarProcess | undefined
  #nextId = 0

  static async start(t: TestContext, commit: Commit): Promise<World> {
    const schema = Object.fromEntries(tables.map((table) => [table, 'id:long, text:string']))
    const kusto = await startKusto(t, { databases: { Logs: schema }, batchingTimeMs: 20 })
    return new World(t, kusto, await temporaryDirectory(t), commit)
  }

  private constructor(t: TestContext, kusto: LocalKusto, directory: string, commit: Commit) {
    this.#t = t
    this.kusto = kusto
    this.#directory = directory
    this.#commit = commit
    this.clients = Array.from(
      { length: clientsCount },
      (_, n) =>
        new RetryingClient({
          path: `/ingest/Logs/${tables[n % tables.length]}`,
          url: () => this.#sidecar?.url ?? 'http://127.0.0.1:9',
          pause: () => sleep(10),
        }),
    )
    t.after(() => this.clients.forEach((client) => client.close()))
  }

  async startSidecar(program?: { script: string; words: string[] }): Promise<SidecarProcess> {
    const options = {
      kustoUrl: this.kusto.clusterUrl,
      directory: this.#directory,
      yaml: yaml(this.#directory, this.#commit),
    }
    this.#sidecar = await SidecarProcess.start(this.#t, { ...options, ...program })
    return this.#sidecar
  }

  /** Each client sends so many bodies of 37 records, one after the other. */
  load(bodiesCount: number): Promise<unknown> {
    return Promise.all(
      this.clients.map(async (client) => {
        for (let n = 0; n < bodiesCount; n += 1)
          await client.send(Array.from({ length: 37 }, () => this.#record()))
      }),
    )
  }

  get requestsCount(): number {
    return this.clients.reduce((sum, { requestsCount }) => sum + requestsCount, 0)
  }

  async judge(): Promise<{ records: number }> {
    const expected = this.clients
      .flatMap(({ acknowledged }) => acknowledged)
      .map((text) => JSON.parse(text).id)
    await waitFor('every acknowledged record', () => this.#ids().length >= expected.length, 60_000)
    await waitFor('an empty journal', async () => (await this.#waitingBatches()) === 0, 60_000)
    const ids = this.#ids()
    const sorted = (list: number[]) => list.sort((a, b) => a - b)
    assert.deepEqual(sorted(ids), sorted(expected))
    return { records: ids.length }
  }

  #ids(): number[] {
    return tables.flatMap((table) =>
      this.kusto.query('Logs', `${table} | project id`).map((row) => Number(row['id'])),
    )
  }

  async #waitingBatches(): Promise<number> {
    const text = await (await fetch(`${this.#sidecar?.url}/metrics`)).text()
    return Number(/^sidecar_delivery_waiting_batches (\d+)/m.exec(text)?.[1] ?? Number.NaN)
  }

  #record(): string {
    this.#nextId += 1
    return JSON.stringify({ id: this.#nextId, text: 'some text of a log line' })
  }
}

for (const commit of ['in_place', 'staging'] as const)
  describe(`exactly once, ${commit}`, () => {
    it('under kill -9 at random moments of a load', { timeout: 600_000 }, async (t) => {
      const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1e9))
      const rounds = Number(process.env['CRASH_ROUNDS'] ?? 4)
      t.diagnostic(`CRASH_SEED=${seed}`)
      const random = new SeededRandom(seed)
      const world = await World.start(t, commit)
      let sidecar = await world.startSidecar()
      const over = new AbortController()
      const load = (async () => {
        while (!over.signal.aborted) await world.load(1)
      })()
      for (let round = 0; round < rounds; round += 1) {
        const until = world.requestsCount + 5 + random.integer(60)
        await waitFor('the moment of death', () => world.requestsCount >= until)
        assert.equal(await sidecar.stop('SIGKILL'), 'SIGKILL')
        sidecar = await world.startSidecar()
      }
      over.abort()
      await load
      const { records } = await world.judge()
      const repeated = world.clients.reduce((sum, { repeatedCount }) => sum + repeatedCount, 0)
      t.diagnostic(`${rounds} kills, ${records} records once, ${repeated} requests recognised as sent before`)
    })

    // How rows come into their table makes no difference for the calls to the file system.
    if (commit === 'staging') return
    it('when killed at each of many calls to the file system', { timeout: 600_000 }, async (t) => {
      const step = Number(process.env['CRASH_STEP'] ?? 29)
      const world = await World.start(t, commit)
      let deaths = 0
      for (let call = 1; call < 120; call += step) {
        for (const when of ['before', 'after']) {
          const dyingSidecar = await world.startSidecar({ script: dying, words: [String(call), when] })
          const load = world.load(6)
          await Promise.race([load, dyingSidecar.ended])
          if (dyingSidecar.hasEnded) deaths += 1
          else await dyingSidecar.stop('SIGKILL')
          const sidecar = await world.startSidecar()
          await load
          await sidecar.stop('SIGKILL')
        }
      }
      await world.startSidecar()
      const { records } = await world.judge()
      t.diagnostic(`${deaths} deaths at a call, ${records} records once`)
      assert.ok(deaths > 5)
    })
  })
