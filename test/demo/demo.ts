/**
 * `npm run demo`: the whole way on one machine, without Azure. A local Kusto, the sidecar, real Fluent Bit requests, and the
 * rows that a query finds. Stays up until ^C; with `--once` it ends when the rows are there (exit 0), or are not (exit 1).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { loadConfig } from '../../sidecar/config/load.ts'
import { QueuedIngestion } from '../../sidecar/kusto/gateway.ts'
import { startLocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { systemClock as clock } from '../../sidecar/platform/clock.ts'
import { systemFileSystem as fileSystem } from '../../sidecar/platform/file-system.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { startSidecar } from '../../sidecar/sidecar.ts'
import { columns, mapping, queries, shellQuery } from './queries.ts'
import { recorded, replay } from './requests.ts'
import { printTable, progress } from './screen.ts'

const isOnce = process.argv.includes('--once')
const waitForRowsMs = 60_000
const total = recorded.reduce((sum, { records }) => sum + records, 0)

process.exitCode = await demo()

async function demo(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'kusto-sidecar-demo-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rm(directory, { recursive: true, force: true }))

  const showStart = progress('Starting a local Kusto')
  const kusto = await startLocalKusto({
    port: await freePort(8082),
    databases: { Demo: { Logs: { columns, mappings: { fluent_bit: mapping } } } },
  })
  cleanup.defer(() => kusto.close())
  showStart(`listens on ${kusto.clusterUrl}`)

  const showSidecar = progress('Starting the sidecar')
  const sidecar = await start(directory, kusto.clusterUrl, await freePort(8080))
  cleanup.defer(() => sidecar.drain())
  const { port } = sidecar.address
  showSidecar(`listens on http://127.0.0.1:${port}`)

  console.log('\nReplaying requests of a real Fluent Bit 5.1.1:')
  for (const request of recorded) {
    const show = progress(`  ${request.what}`)
    const { status, body, sentBytes } = await replay(request, '127.0.0.1', port)
    show(`${sentBytes} bytes ─▶ ${status} ${body.trim()}`)
    if (status !== 200) return 1
  }

  console.log()
  const showRows = progress('Waiting for Kusto to ingest')
  const deadline = performance.now() + waitForRowsMs
  let rows = 0
  while (rows < total && performance.now() < deadline) {
    await pause(100)
    rows = kusto.rowCount('Demo', 'Logs')
    showRows.update(`${rows} of ${total} rows`)
  }
  showRows(`${rows} of ${total} rows`)
  for (const query of queries) await show(kusto.clusterUrl, query)
  if (isOnce) return rows === total ? 0 : 1
  console.log(whatNext(kusto.clusterUrl, port))
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  console.log('\nStopping.')
  return 0
}

async function start(directory: string, kustoUrl: string, port: number) {
  const config = loadConfig(
    `
server: { listen: "127.0.0.1:${port}", admin_listen: "127.0.0.1:0" }
kusto: { cluster_url: "${kustoUrl}", database: Demo, table: Logs, auth: { type: none } }
write: { batch_interval_ms: 1000, ingestion_mapping_ref: fluent_bit }
journal: { directory: ${JSON.stringify(join(directory, 'journal'))} }
dead_letter: { directory: ${JSON.stringify(join(directory, 'dead-letter'))} }
routes:
  - { match: { path: /ingest/logs }, database: Demo, table: Logs }
`,
    'the configuration of the demo',
    {},
  )
  const log = silentLog()
  const metrics = createMetrics()
  const { clusterUrl, ingestionUrl, auth } = config.kusto
  const { cacheExpirationMs } = config.retry
  const gateway = new QueuedIngestion({
    clusterUrl,
    ingestionUrl,
    auth,
    trustHost: true,
    cacheExpirationMs,
    clock,
    random,
    log,
    metrics,
  })
  const version = '1.0.0'
  const onFatal = (error: Error) => {
    throw error
  }
  return startSidecar({ config, gateway, fileSystem, clock, random, log, metrics, version, onFatal })
}

async function show(clusterUrl: string, csl: string): Promise<void> {
  const response = await fetch(`${clusterUrl}/v1/rest/query`, {
    method: 'POST',
    body: JSON.stringify({ db: 'Demo', csl }),
  })
  const { Tables } = (await response.json()) as {
    Tables: { Columns: { ColumnName: string }[]; Rows: unknown[][] }[]
  }
  const [table] = Tables
  console.log(`\n> ${csl}`)
  printTable(table?.Columns.map((column) => column.ColumnName) ?? [], table?.Rows ?? [])
}

/** The wished port if nobody has it, so that the lines to paste are the same for most people. */
async function freePort(wished: number): Promise<number> {
  const server = createServer()
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(wished, '127.0.0.1', () => resolve(true))
  })
  await new Promise((resolve) => server.close(resolve))
  return isFree ? wished : 0
}

function whatNext(clusterUrl: string, port: number): string {
  return `
Still running. In another terminal, send a record of your own:

  curl -s http://127.0.0.1:${port}/ingest/logs -d '{"level":"info","log":"hello from curl"}'

and find it two seconds later:

  ${shellQuery(clusterUrl, 'Logs | where log has "curl"')}

Or point a Fluent Bit at it:

  fluent-bit -i dummy -o http -p host=127.0.0.1 -p port=${port} -p uri=/ingest/logs -p format=json_lines

^C ends everything.`
}
