/**
 * Azurite, Microsoft's emulator of Azure Storage, in this process: the blob, queue and table servers on free loopback ports.
 *
 * Azurite has no programming interface for this, so its server classes are used as its own `azurite` command uses them
 * (3.37.0, which package.json pins). Its telemetry starts only in that command; it is switched off here all the same.
 */
import type { RequestListener, Server } from 'node:http'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

export type StorageService = 'blob' | 'queue' | 'table'

export const storageServices = ['blob', 'queue', 'table'] as const satisfies readonly StorageService[]

export type Azurite = {
  /** The base of every URL of a service, with the account: `http://127.0.0.1:port/devstoreaccount1`. */
  readonly urls: Readonly<Record<StorageService, string>>
  readonly ports: Readonly<Record<StorageService, number>>
  /** Puts a listener before that of Azurite; it calls `next` for the requests that it leaves alone. */
  intercept(service: StorageService, listener: (next: RequestListener) => RequestListener): void
  close(): Promise<void>
}

/** The account that Azurite and every other emulator of Azure Storage has; the key is public and no secret. */
export const storageAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
} as const

/** What is kept in memory at most, for all blobs and queue messages together. */
const maxMemoryBytes = 1024 ** 3

type AzuriteServer = {
  readonly httpServer: Server
  start(): Promise<void>
  close(): Promise<void>
  /** The part of `close` that stops timers and saves; all there is to do for a server that could not listen. */
  afterClose(): Promise<void>
}
type Class<Instance> = new (...values: unknown[]) => Instance
type Settings = { directory: string | undefined; memory: object; port: number }

/**
 * Starts the three servers. Without a directory everything is in memory. Rejects when a port is in use; 0 takes a free one.
 */
export async function startAzurite(options: {
  directory?: string | undefined
  ports?: Readonly<Record<StorageService, number>> | undefined
}): Promise<Azurite> {
  const { directory } = options
  if (directory !== undefined) mkdirSync(directory, { recursive: true })
  const load = createRequire(import.meta.url)
  const { AzuriteTelemetryClient } = load('azurite/dist/src/common/Telemetry.js') as {
    AzuriteTelemetryClient: { init(location: string, isEnabled: boolean): void }
  }
  AzuriteTelemetryClient.init('', false)
  const memory = newMemory(load)
  const servers = {
    blob: newServer(load, 'blob', { directory, memory, port: options.ports?.blob ?? 0 }),
    queue: newServer(load, 'queue', { directory, memory, port: options.ports?.queue ?? 0 }),
    table: newServer(load, 'table', { directory, memory, port: options.ports?.table ?? 0 }),
  }
  await startAll(Object.values(servers))
  const ports = { blob: portOf(servers.blob), queue: portOf(servers.queue), table: portOf(servers.table) }
  const url = (service: StorageService): string => `http://127.0.0.1:${ports[service]}/${storageAccount.name}`
  return {
    ports,
    urls: { blob: url('blob'), queue: url('queue'), table: url('table') },
    intercept: (service, listener) => {
      const { httpServer } = servers[service]
      const [next] = httpServer.listeners('request') as RequestListener[]
      if (next === undefined) return
      httpServer.removeAllListeners('request')
      httpServer.on('request', listener(next))
    },
    close: async () => {
      await Promise.all(
        Object.values(servers).map(async (server) => {
          await server.close()
          // Azurite waits for its clients to go away; a request that a fault keeps waiting never does.
          server.httpServer.closeAllConnections()
        }),
      )
    },
  }
}

/** Either all run or none. */
async function startAll(servers: readonly AzuriteServer[]): Promise<void> {
  const starts = await Promise.allSettled(servers.map((server) => server.start()))
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed === undefined) return
  const hasStarted = (index: number): boolean => starts[index]?.status === 'fulfilled'
  await Promise.allSettled(
    servers.map((server, index) => (hasStarted(index) ? server.close() : server.afterClose())),
  )
  throw failed.reason
}

function newMemory(load: NodeJS.Require): object {
  const { MemoryExtentChunkStore } = load('azurite/dist/src/common/persistence/MemoryExtentStore.js') as {
    MemoryExtentChunkStore: Class<object>
  }
  return new MemoryExtentChunkStore(maxMemoryBytes)
}

function newServer(load: NodeJS.Require, service: StorageService, settings: Settings): AzuriteServer {
  const name = { blob: 'Blob', queue: 'Queue', table: 'Table' }[service]
  const defaultExport = <Instance>(file: string): Class<Instance> =>
    (load(`azurite/dist/src/${service}/${file}.js`) as { default: Class<Instance> }).default
  const Configuration = defaultExport<object>(`${name}Configuration`)
  const AzuriteServerClass = defaultExport<AzuriteServer>(`${name}Server`)
  return new AzuriteServerClass(Object.assign(new Configuration(), configurationFields(service, settings)))
}

/** The fields of BlobConfiguration, QueueConfiguration and TableConfiguration that differ from their defaults. */
function configurationFields(service: StorageService, { directory, memory, port }: Settings): object {
  const inDirectory = (file: string): string => join(directory ?? '', file)
  return {
    host: '127.0.0.1',
    port,
    metadataDBPath: inDirectory(`${service}.json`),
    extentDBPath: inDirectory(`${service}-extents.json`),
    persistencePathArray: [
      { locationId: 'Default', locationPath: inDirectory(`${service}-extents`), maxConcurrency: 50 },
    ],
    enableAccessLog: false,
    enableDebugLog: false,
    skipApiVersionCheck: true,
    isMemoryPersistence: directory === undefined,
    memoryStore: memory,
  }
}

function portOf(server: AzuriteServer): number {
  const address = server.httpServer.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
