/**
 * Goal: the rows of the checkpoint table prove that no batch is missing, over deaths of the process.
 * Method: clients that send until they see a 200, a process that is killed and started again, the local Kusto, and the sums of
 * `plugin-config/kusto/checkpoints.kql`, computed here.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it, type TestContext } from 'node:test'
import type { LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { startKusto } from '../helpers/local-kusto.ts'
import { RetryingClient } from '../helpers/retrying-client.ts'
import { runSidecar, post } from '../helpers/sidecar.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const yaml = (directory: string, write: string) => `
write:
  ${write}
  checkpoint_table: Checks
  batch_interval_ms: 80
  batch_size: 60
  poll_interval_ms: 100
  poll_timeout_ms: 3000
retry: { base_interval_ms: 20, max_interval_ms: 200 }
journal: { directory: ${directory}/journal }
`
const tables = ['T0', 'T1']

type Row = {
  batch_id: string
  writer: string
  epoch: number
  sequence: number
  table: string
  outcome: string
  records: number
}

function rowsOf(kusto: LocalKusto): Row[] {
  const query = "Checks | project batch_id, writer, epoch, sequence, ['table'], outcome, records"
  return kusto.query('Logs', query) as unknown as Row[]
}

/** One row for each batch. */
function batchesOf(kusto: LocalKusto): Row[] {
  return [...new Map(rowsOf(kusto).map((row) => [row.batch_id, row])).values()]
}

function count(kusto: LocalKusto, table: string): number {
  return Number(kusto.query('Logs', `${table} | count`)[0]?.['Count'])
}

/** Each epoch that holds anything has every number from 0 to the largest. */
function holesIn(rows: readonly Row[]): string[] {
  const epochs = Map.groupBy(rows, ({ writer, epoch }) => `${writer}:${epoch}`)
  return [...epochs].flatMap(([epoch, batches]) => {
    const sequences = new Set(batches.map(({ sequence }) => sequence))
    const all = Array.from({ length: Math.max(...sequences) + 1 }, (_, index) => index)
    return all.filter((sequence) => !sequences.has(sequence)).map((sequence) => `${epoch}:${sequence}`)
  })
}

async function batchFilesIn(directory: string): Promise<string[]> {
  return (await readdir(`${directory}/journal`)).filter((name) => /\.(open|batch|corrupt)$/.test(name))
}

async function underKills(t: TestContext, write: string) {
  const schema = Object.fromEntries(tables.map((table) => [table, 'id:long']))
  const kusto = await startKusto(t, { databases: { Logs: schema }, batchingTimeMs: 20 })
  const directory = await temporaryDirectory(t)
  let sidecar: SidecarProcess | undefined
  const start = async () => {
    const options = { kustoUrl: kusto.clusterUrl, directory, yaml: yaml(directory, write) }
    sidecar = await SidecarProcess.start(t, options)
    return sidecar
  }
  const clients = tables.map(
    (table) =>
      new RetryingClient({
        path: `/ingest/Logs/${table}`,
        url: () => sidecar?.url ?? 'http://127.0.0.1:9',
        pause: () => sleep(10),
      }),
  )
  t.after(() => clients.forEach((client) => client.close()))
  let nextId = 0
  const load = (bodies: number) =>
    Promise.all(
      clients.map(async (client) => {
        for (let n = 0; n < bodies; n += 1)
          await client.send(Array.from({ length: 17 }, () => JSON.stringify({ id: (nextId += 1) })))
      }),
    )
  let current = await start()
  for (let round = 0; round < 4; round += 1) {
    const loading = load(8)
    const before = clients.reduce((sum, { requestsCount }) => sum + requestsCount, 0)
    await waitFor(
      'requests',
      () => clients.reduce((sum, { requestsCount }) => sum + requestsCount, 0) > before + 5,
    )
    await current.stop('SIGKILL')
    current = await start()
    await loading
  }
  await load(3)
  assert.equal(await current.stop('SIGTERM'), 0)
  // What could not be confirmed in the grace is left for one more start.
  current = await start()
  await waitFor('an empty journal', async () => (await batchFilesIn(directory)).length === 0, 60_000)
  await current.stop('SIGTERM')
  const acknowledged = clients.flatMap((client) => client.acknowledged).length
  return { kusto, acknowledged, directory }
}

describe('the checkpoint table', () => {
  it('has each batch of exactly-once once, over deaths', { timeout: 180_000 }, async (t) => {
    const { kusto, acknowledged, directory } = await underKills(t, 'delivery_guarantee: exactly_once')
    const rows = rowsOf(kusto)
    assert.deepEqual(holesIn(rows), [])
    assert.equal(rows.length, batchesOf(kusto).length)
    for (const table of tables) {
      const ofTable = rows.filter((row) => row.table === table && row.outcome === 'ingested')
      assert.equal(
        ofTable.reduce((sum, { records }) => sum + records, 0),
        count(kusto, table),
        table,
      )
    }
    assert.equal(count(kusto, 'T0') + count(kusto, 'T1'), acknowledged)
    assert.ok(new Set(rows.map(({ epoch }) => epoch)).size > 2)
    assert.deepEqual(await batchFilesIn(directory), [])
  })

  it('has each batch of at-least-once, over deaths', { timeout: 180_000 }, async (t) => {
    const { kusto, directory } = await underKills(t, 'delivery_guarantee: at_least_once')
    // The last ones are in the queue of Kusto.
    await waitFor('no hole', () => holesIn(rowsOf(kusto)).length === 0)
    // What was sent twice is one batch with one number.
    const counted = batchesOf(kusto).reduce((sum, { records }) => sum + records, 0)
    assert.ok(counted > 0 && counted <= count(kusto, 'T0') + count(kusto, 'T1'))
    assert.deepEqual(await batchFilesIn(directory), [])
  })

  it('is made at start, and filled at the end', async (t) => {
    const kusto = await startKusto(t, { databases: { Logs: { App: 'id:long' } }, batchingTimeMs: 20 })
    const directory = await temporaryDirectory(t)
    const sidecar = await runSidecar(t, {
      kustoUrl: kusto.clusterUrl,
      directory,
      yaml: 'write: { checkpoint_table: Checks, batch_interval_ms: 60000 }',
    })
    assert.equal((await post(sidecar.url, '{"id":1}\n{"id":2}')).status, 200)
    await waitFor('the table', () => sidecar.logLines.some((line) => line.includes('checkpoint.table_ready')))
    await sidecar.drain()
    await kusto.waitForRows('Logs', 'Checks', 1)
    const [row] = kusto.query('Logs', 'Checks')
    assert.ok(row !== undefined)
    assert.deepEqual([row['outcome'], row['records'], row['table']], ['queued', 2, 'App'])
    assert.match(String(row['blob']), /^http:[^?]+$/)
    assert.deepEqual(await batchFilesIn(directory), [])
  })

  it('works without a journal', async (t) => {
    const kusto = await startKusto(t, { databases: { Logs: { App: 'id:long' } }, batchingTimeMs: 20 })
    const sidecar = await runSidecar(t, {
      kustoUrl: kusto.clusterUrl,
      directory: await temporaryDirectory(t),
      yaml: 'write: { checkpoint_table: Checks, batch_interval_ms: 100 }\njournal: { enabled: false }',
    })
    assert.equal((await post(sidecar.url, '{"id":1}')).status, 200)
    await kusto.waitForRows('Logs', 'Checks', 1)
  })

  it('is told of with the command when Kusto refuses to make it', async (t) => {
    const kusto = await startKusto(t, { databases: { Logs: { App: 'id:long' } } })
    const sidecar = await runSidecar(t, {
      kustoUrl: kusto.clusterUrl,
      directory: await temporaryDirectory(t),
      yaml: 'write: { checkpoint_table: Checks, checkpoint_database: Nowhere }',
    })
    const line = await waitFor('the warning', () =>
      sidecar.logLines.find((one) => one.includes('checkpoint.table_refused')),
    )
    assert.match(line, /has to run: \.create-merge table \['Checks'\] \(\['writer'\]: string, /)
    assert.equal((await post(sidecar.url, '{"id":1}')).status, 200)
  })
})
