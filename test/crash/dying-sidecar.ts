/**
 * The sidecar as `main.ts` runs it, but killed (SIGKILL) at the n-th call to the file system after it was ready, before or after the call did its
 * work: `node dying-sidecar.ts --config FILE n before|after`.
 */
import { readFile } from 'node:fs/promises'
import type { File, FileSystem } from '../../sidecar/core/ports.ts'
import { readConfigFile } from '../../sidecar/config/config-file.ts'
import { QueuedIngestion } from '../../sidecar/kusto/gateway.ts'
import { createLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { systemClock as clock } from '../../sidecar/platform/clock.ts'
import { systemFileSystem } from '../../sidecar/platform/file-system.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { startSidecar } from '../../sidecar/sidecar.ts'

const [, , , file = '', call = '0', when = 'before'] = process.argv
const config = await readConfigFile(file, process.env)
const log = await createLog(config.log)
const metrics = createMetrics()
let callsLeft = Infinity

async function counted<Result>(work: () => Promise<Result>): Promise<Result> {
  callsLeft -= 1
  const isLast = callsLeft === 0
  if (isLast && when === 'before') await die()
  const result = await work()
  if (isLast) await die()
  return result
}

/** Nothing more happens, not even what is under way in this turn. */
async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

function dyingFile(inner: File): File {
  const calls: (keyof File)[] = ['write', 'read', 'sync', 'truncate', 'size', 'close']
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const method = (...given: unknown[]): Promise<unknown> => Reflect.apply(value, target, given)
      return calls.includes(name as keyof File)
        ? (...given: unknown[]) => counted(() => method(...given))
        : method
    },
  })
}

const fileSystem: FileSystem = {
  ...systemFileSystem,
  open: async (path, mode) => dyingFile(await counted(() => systemFileSystem.open(path, mode))),
  rename: (from, to) => counted(() => systemFileSystem.rename(from, to)),
  remove: (path) => counted(() => systemFileSystem.remove(path)),
  syncDirectory: (path) => counted(() => systemFileSystem.syncDirectory(path)),
}

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
const onFatal = (error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
}
// That of the real program, since what was stored in part counts only under the same version.
const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
await startSidecar({ config, version, gateway, fileSystem, clock, random, log, metrics, onFatal })
callsLeft = Number(call)
