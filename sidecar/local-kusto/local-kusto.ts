/**
 * A Kusto cluster for development and tests, in this process: Azurite for storage, Data Management that hands out its resources and
 * consumes its queues, an engine on SQLite, and a part of KQL. The README says what it is not.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { IngestionFailureRecord } from './commands/context.ts'
import { defaultDatabase } from './engine/catalog.ts'
import { createEngine, type Engine } from './engine.ts'
import { Store, type Extent } from './engine/store.ts'
import { noFaults, type Faults } from './faults.ts'
import { listen } from './http/server.ts'
import { Consumer, type Ingestion } from './ingestion/consumer.ts'
import { ingest } from './ingestion/ingest.ts'
import { report } from './ingestion/report.ts'
import { createIngestionLog, type IngestionLog } from './ingestion/log.ts'
import { retainBlobs } from './ingestion/retained-blobs.ts'
import { toPlainRows, type PlainRow } from './plain-rows.ts'
import { startAzurite, storageServices, type Azurite } from './storage/azurite.ts'
import { withFault } from './storage/fault-listener.ts'
import { withLostReplies } from './storage/lost-reply-listener.ts'
import { readPorts, writePorts } from './storage/ports.ts'
import { whenPosted } from './storage/message-listener.ts'
import { aggregationQueuePrefix, createStorageResources } from './storage/resources.ts'
import { welcomeText } from './welcome.ts'

/** A table to create at the start: its columns as in `.create table`, and its JSON mappings by name. */
type TableDefinition =
  string | { readonly columns: string; readonly mappings?: Readonly<Record<string, string>> }

export type LocalKustoOptions = {
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** Where everything is kept, so that a later start finds it; in memory when left out. */
  readonly storageDirectory?: string | undefined
  /** How long a message waits for others before it is ingested; FlushImmediately makes it zero. */
  readonly batchingTimeMs?: number
  /** By database, then by table: `{ logs: { Events: 'timestamp:datetime, message:string' } }`. */
  readonly databases?: Readonly<Record<string, Readonly<Record<string, TableDefinition>>>>
  readonly faults?: Partial<Faults>
}

export type LocalKusto = {
  /** Both the engine and Data Management: `http://127.0.0.1:port`. */
  readonly clusterUrl: string
  /** Set its fields to make things fail. */
  readonly faults: Faults
  /** The last failed ingestions, oldest first. */
  readonly failures: readonly IngestionFailureRecord[]
  /** The last ingestions of any outcome, oldest first. */
  readonly ingestions: readonly Ingestion[]
  /** Runs a query, or a command when the text starts with a dot; the rows as plain objects. Throws KustoError. */
  query(database: string, text: string): PlainRow[]
  rowCount(database: string, table: string): number
  extents(database: string, table: string): Extent[]
  /** Makes one extent of all, as the service does now and then, unless the merge policy of the table forbids it. */
  mergeExtents(database: string, table: string): void
  /** Resolves when the table has at least so many rows; rejects with what was seen when it takes longer. */
  waitForRows(database: string, table: string, count: number, timeoutMs?: number): Promise<void>
  /** Resolves when `count` ingestions ended, counted from the start of the local Kusto. */
  waitForIngestions(count: number, timeoutMs?: number): Promise<void>
  /** Stops everything; nothing keeps the process alive after. May be called twice. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const defaultBatchingTimeMs = 1_000

/** Rejects when a port is in use or the directory cannot be used; nothing keeps running then. */
export async function startLocalKusto(options: LocalKustoOptions = {}): Promise<LocalKusto> {
  await using started = new AsyncDisposableStack()
  const faults: Faults = { ...noFaults(), ...options.faults }
  // First, because it takes the directory for this process.
  const store = openStore(options.storageDirectory)
  started.defer(() => {
    store.close()
  })
  const azurite = await startStorage(options.storageDirectory)
  started.defer(() => azurite.close())
  const resources = await createStorageResources(azurite)
  for (const service of storageServices) {
    azurite.intercept(
      service,
      withLostReplies(() => {
        const isLost = faults.lostReplies[service] > 0
        if (isLost) faults.lostReplies[service] -= 1
        return isLost
      }),
    )
    azurite.intercept(
      service,
      withFault(() => faults.storage[service]),
    )
  }
  const identityToken = store.setting('identity token', () => randomBytes(32).toString('base64'))
  const log = createIngestionLog()
  const engine = createEngine({
    store,
    faults,
    identityToken,
    failures: log.failures,
    resources: () => resources.list(faults.sas),
  })
  createAll(engine, options.databases ?? {})
  const retain = retainBlobs(resources.deleteBlob)
  const consumer = new Consumer({
    queues: resources.aggregationQueues,
    batchingTimeMs: options.batchingTimeMs ?? defaultBatchingTimeMs,
    faults,
    ingest: (message, signal) => ingest(message, { store, faults, identityToken, signal }),
    report: async (message, outcome, signal) => {
      await report(message, outcome, resources, signal)
      await retain(message, outcome)
    },
    onIngestion: log.add,
  })
  azurite.intercept(
    'queue',
    whenPosted(aggregationQueuePrefix, () => consumer.wake()),
  )
  consumer.start()
  started.defer(() => consumer.close())
  const http = await listen(options.port ?? 0, {
    ...engine,
    welcome: (clusterUrl) => welcomeText(clusterUrl, store.catalog),
  })
  started.defer(() => http.close())
  return present({ clusterUrl: http.clusterUrl, faults, engine, store, log, owned: started.move() })
}

function openStore(directory: string | undefined): Store {
  if (directory !== undefined) mkdirSync(directory, { recursive: true })
  return new Store(directory)
}

async function startStorage(directory: string | undefined): Promise<Azurite> {
  if (directory === undefined) return startAzurite({})
  const azurite = await startAzurite({ directory: join(directory, 'azurite'), ports: readPorts(directory) })
  writePorts(directory, azurite.ports)
  return azurite
}

type Parts = {
  clusterUrl: string
  faults: Faults
  engine: Engine
  store: Store
  log: IngestionLog
  owned: AsyncDisposableStack
}

function present({ clusterUrl, faults, engine, store, log, owned }: Parts): LocalKusto {
  const rowCount = (database: string, table: string): number =>
    Number(store.rowCount(store.catalog.get(database, table)))
  const describe = (): string =>
    JSON.stringify(log.failures.map(({ errorCode, details }) => `${errorCode}: ${details}`))
  return {
    clusterUrl,
    faults,
    failures: log.failures,
    ingestions: log.ingestions,
    query: (database, text) => toPlainRows(engine.run(database, text)),
    rowCount,
    extents: (database, table) => store.extents(store.catalog.get(database, table)),
    mergeExtents: (database, name) => {
      const table = store.catalog.get(database, name)
      if (!isMergingOff(store.catalog.policy(table, 'merge'))) store.mergeExtents(table)
    },
    waitForRows: (database, table, count, timeoutMs) =>
      log.wait(timeoutMs, () => {
        const rows = rowCount(database, table)
        return rows >= count
          ? undefined
          : `${database}.${table} has ${rows} of ${count} rows; failures: ${describe()}`
      }),
    waitForIngestions: (count, timeoutMs) =>
      log.wait(timeoutMs, () =>
        log.totalCount() >= count
          ? undefined
          : `${log.totalCount()} of ${count} ingestions ended; failures: ${describe()}`,
      ),
    close: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function createAll(engine: Engine, databases: NonNullable<LocalKustoOptions['databases']>): void {
  for (const [database, tables] of Object.entries(databases)) {
    engine.run(defaultDatabase, `.create database ['${database}'] ifnotexists`)
    for (const [name, definition] of Object.entries(tables)) {
      const { columns, mappings = {} } = typeof definition === 'string' ? { columns: definition } : definition
      engine.run(database, `.create-merge table ['${name}'] (${columns.replace(/^\((.*)\)$/s, '$1')})`)
      for (const [mapping, text] of Object.entries(mappings)) {
        engine.run(
          database,
          `.create-or-alter table ['${name}'] ingestion json mapping '${mapping}' @'${text.replaceAll("'", "''")}'`,
        )
      }
    }
  }
}

function isMergingOff(policy: string | undefined): boolean {
  const { AllowMerge, AllowRebuild } = JSON.parse(policy ?? '{}') as Readonly<Record<string, unknown>>
  return AllowMerge === false && AllowRebuild === false
}
