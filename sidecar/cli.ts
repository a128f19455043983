/** The process: arguments, configuration, exit code. Exit codes are in `config/arguments.ts`. */
import { readFile } from 'node:fs/promises'
import type { CommandContext } from './commands/context.ts'
import { type Command, parseArguments } from './config/arguments.ts'
import { readConfigFile } from './config/config-file.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { SidecarError, codeOf, messageOf } from './core/errors.ts'
import { BodyMemoryPool } from './http/body-memory.ts'
import { QueuedIngestion } from './kusto/gateway.ts'
import { createLog, type Log } from './observability/log.ts'
import { createMetrics } from './observability/metrics.ts'
import { systemClock as clock } from './platform/clock.ts'
import { systemFileSystem as fileSystem } from './platform/file-system.ts'
import { systemRandom as random } from './platform/random.ts'
import { startSidecar } from './sidecar.ts'
import type { StopSignal } from './stop-signal.ts'

const exitCodes = { configuration: 78, other: 1 } as const

/** Does what the command line says. */
export async function main(stopSignal: StopSignal): Promise<void> {
  try {
    const command = parseArguments(process.argv.slice(2))
    if (command.name === 'run') return await run(command.configFile, stopSignal)
    stopSignal.ignore()
    await runCommand(command)
  } catch (error) {
    console.error(`kusto-sidecar: ${messageOf(error)}`)
    process.exitCode = codeOf(error).startsWith('CONFIG_') ? exitCodes.configuration : exitCodes.other
  }
}

async function runCommand(command: Exclude<Command, { name: 'run' }>): Promise<void> {
  switch (command.name) {
    case 'help':
      console.log(command.text)
      return
    case 'version':
      console.log(await readVersion())
      return
    case 'dead-letter list':
    case 'dead-letter show':
    case 'dead-letter replay': {
      const { runDeadLetter } = await import('./commands/dead-letter.ts')
      process.exitCode = await runDeadLetter(command, commandContext())
      return
    }
    case 'journal inspect':
    case 'journal verify': {
      const { runJournal } = await import('./commands/journal.ts')
      process.exitCode = await runJournal(command, commandContext())
    }
  }
}

async function run(configFile: string | undefined, { stopped }: StopSignal): Promise<void> {
  const { config, stopKusto, welcome } = await configure(configFile)
  const log = await createLog(config.log)
  if (welcome !== undefined) log.info({ event: 'local_kusto.started' }, welcome)
  const onFatal = (error: unknown) => stopAtOnce(error, log)
  process.on('uncaughtException', onFatal)
  const metrics = createMetrics()
  metrics.collectProcess()
  const gateway = new QueuedIngestion({
    clusterUrl: config.kusto.clusterUrl,
    ingestionUrl: config.kusto.ingestionUrl,
    auth: config.kusto.auth,
    // The configuration takes plain http only for loopback, or when it was allowed explicitly.
    trustHost: config.kusto.ingestionUrl.startsWith('http:'),
    cacheExpirationMs: config.retry.cacheExpirationMs,
    clock,
    random,
    log,
    metrics,
  })
  const version = await readVersion()
  const sidecar = await startSidecar({
    config,
    gateway,
    fileSystem,
    clock,
    random,
    log,
    metrics,
    version,
    bodyMemory: new BodyMemoryPool({ collectYoung }),
    onFatal,
  })
  await stopped
  // The clock's timers do not keep the process alive, and the listener that does is about to close.
  const keepAlive = setInterval(() => undefined, 60_000)
  await sidecar.drain()
  await stopKusto()
  clearInterval(keepAlive)
  process.exit(0)
}

/** As `main.ts` has it exposed; else V8 follows its own rules. */
function collectYoung(): void {
  globalThis.gc?.({ type: 'minor' })
}

/** For a command that works on dead letters or the journal. */
function commandContext(): CommandContext {
  // Whoever reads the output may have seen enough, as `head` does.
  process.stdout.on('error', () => process.exit(exitCodes.other))
  const write = (text: string) =>
    new Promise<void>((resolve) => void process.stdout.write(text, () => resolve()))
  return { fileSystem, clock, env: process.env, write }
}

type Configured = {
  readonly config: Config
  readonly stopKusto: () => Promise<void>
  /** What to tell a newcomer. */
  readonly welcome?: string
}

async function configure(configFile: string | undefined): Promise<Configured> {
  if (configFile === undefined) return configureForNewcomer()
  return { config: await readConfigFile(configFile, process.env), stopKusto: async () => undefined }
}

/** Without a file the embedded local Kusto is started, so that a newcomer sees the whole way work. */
async function configureForNewcomer(): Promise<Configured> {
  const { startForNewcomer } = await import('./local-kusto/newcomer.ts').catch((cause: unknown) => {
    throw new SidecarError('CONFIG_UNREADABLE', 'No configuration: give one with --config FILE.', { cause })
  })
  const { configText, clusterUrl, close } = await startForNewcomer()
  const query = JSON.stringify({ db: 'Demo', csl: 'Logs | take 10' })
  return {
    config: loadConfig(configText, 'the built-in configuration', process.env),
    stopKusto: close,
    welcome: `No --config: records go to a local Kusto. Ask it with: curl -s ${clusterUrl}/v1/rest/query -d '${query}'`,
  }
}

function stopAtOnce(error: unknown, log: Log): never {
  log.fatal(
    {
      event: 'sidecar.failed',
      code: codeOf(error),
      stack: error instanceof SidecarError ? undefined : stackOf(error),
    },
    messageOf(error),
  )
  process.exit(exitCodes.other)
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
