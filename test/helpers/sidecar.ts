import type { TestContext } from 'node:test'
import { loadConfig } from '../../sidecar/config/load.ts'
import type { SidecarError } from '../../sidecar/core/errors.ts'
import { QueuedIngestion } from '../../sidecar/kusto/gateway.ts'
import { createLog } from '../../sidecar/observability/log.ts'
import { createMetrics, type Metrics } from '../../sidecar/observability/metrics.ts'
import { systemClock as clock } from '../../sidecar/platform/clock.ts'
import { systemFileSystem as fileSystem } from '../../sidecar/platform/file-system.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { BodyMemoryPool } from '../../sidecar/http/body-memory.ts'
import { startSidecar, type Sidecar } from '../../sidecar/sidecar.ts'
import { onCleanup } from './cleanup.ts'

export type RunningSidecar = Sidecar & {
  readonly url: string
  /** Of the admin listener; empty without one. */
  readonly adminUrl: string
  readonly metrics: Metrics
  /** Every line that it logged. */
  readonly logLines: string[]
  readonly fatal: SidecarError[]
}

/** Starts the sidecar in this process, on a free port, against a Kusto, with this YAML over the least there has to be. */
export async function runSidecar(
  t: TestContext,
  options: { kustoUrl: string; directory: string; yaml?: string },
): Promise<RunningSidecar> {
  const config = loadConfig(configText(options), 'test.yaml', {})
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => void logLines.push(line) },
  )
  const metrics = createMetrics()
  const fatal: SidecarError[] = []
  const gateway = new QueuedIngestion({
    clusterUrl: config.kusto.clusterUrl,
    ingestionUrl: config.kusto.ingestionUrl,
    auth: config.kusto.auth,
    trustHost: true,
    cacheExpirationMs: config.retry.cacheExpirationMs,
    clock,
    random,
    log,
    metrics,
  })
  const version = '1.0.0'
  const onFatal = (error: SidecarError) => fatal.push(error)
  const sidecar = await startSidecar({
    config,
    gateway,
    fileSystem,
    clock,
    random,
    log,
    metrics,
    version,
    onFatal,
    bodyMemory: new BodyMemoryPool({ onFree: spoil }),
  })
  let drained: Promise<void> | undefined
  const drain = () => (drained ??= sidecar.drain())
  onCleanup(t, drain)
  return {
    address: sidecar.address,
    adminAddress: sidecar.adminAddress,
    drain,
    url: `http${config.server.tls === undefined ? '' : 's'}://127.0.0.1:${sidecar.address.port}`,
    adminUrl: sidecar.adminAddress === undefined ? '' : `http://127.0.0.1:${sidecar.adminAddress.port}`,
    metrics,
    logLines,
    fatal,
  }
}

/** Who reads a body after it gave it back finds this. */
function spoil(bytes: Buffer): void {
  bytes.fill('~')
}

export function configText({
  kustoUrl,
  directory,
  yaml = '',
}: {
  kustoUrl: string
  directory: string
  yaml?: string
}): string {
  const given = new Set([...yaml.matchAll(/^(\w+):/gm)].map((match) => match[1]))
  const sections: Record<string, string> = {
    server: `server: { ${freeAdminPort}, listen: "127.0.0.1:0", shutdown_grace_ms: 5000 }`,
    kusto: `kusto: { cluster_url: "${kustoUrl}", database: Logs, table: App, auth: { type: none } }`,
    journal: `journal: { directory: "${directory}/journal" }`,
    dead_letter: `dead_letter: { directory: "${directory}/dead-letter" }`,
  }
  const rest = Object.entries(sections)
    .filter(([name]) => !given.has(name))
    .map(([, text]) => text)
  return `${rest.join('\n')}\n${withFreeAdminPort(yaml)}\n`
}

const freeAdminPort = 'admin_listen: "127.0.0.1:0"'

/** Tests run side by side, so that a server section of a test's own gets a free admin port too, unless it says otherwise. */
function withFreeAdminPort(yaml: string): string {
  if (yaml.includes('admin_listen:')) return yaml
  return yaml
    .replace(/^server: *\{/m, `server: { ${freeAdminPort},`)
    .replace(/^server: *\n( +)/m, `server:\n$1${freeAdminPort}\n$1`)
}

/** Posts a body and reads the answer. */
export async function post(
  url: string,
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  // Of a text fetch would say text/plain, which shippers do not.
  const response = await fetch(url, { method: 'POST', body: Buffer.from(body as string), headers })
  return { status: response.status, text: await response.text() }
}
