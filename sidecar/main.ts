#!/usr/bin/env node
/** The process: arguments, configuration, signals, exit code. Exit codes are in `config/arguments.ts`. */
import { readFile } from 'node:fs/promises'
import type { CommandContext } from './commands/context.ts'
import { runDeadLetter } from './commands/dead-letter.ts'
import { runJournal } from './commands/journal.ts'
import { parseArguments } from './config/arguments.ts'
import { readConfigFile } from './config/config-file.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { SidecarError, codeOf, messageOf } from './core/errors.ts'
import { QueuedIngestion } from './kusto/gateway.ts'
import { createLog, type Log } from './observability/log.ts'
import { createMetrics } from './observability/metrics.ts'
import { systemClock as clock } from './platform/clock.ts'
import { systemFileSystem as fileSystem } from './platform/file-system.ts'
import { systemRandom as random } from './platform/random.ts'
import { startSidecar } from './sidecar.ts'

const exitCodes = { configuration: 78, other: 1 } as const

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(`kusto-sidecar: ${messageOf(error)}`)
  process.exitCode = codeOf(error).startsWith('CONFIG_') ? exitCodes.configuration : exitCodes.other
}

async function main(words: readonly string[]): Promise<void> {
  const command = parseArguments(words)
  switch (command.name) {
    case 'help':
      console.log(command.text)
      return
    case 'version':
      console.log(await readVersion())
      return
    case 'run':
      await run(command.configFile)
      return
    case 'dead-letter list':
    case 'dead-letter show':
    case 'dead-letter replay':
      process.exitCode = await runDeadLetter(command, commandContext())
      return
    case 'journal inspect':
    case 'journal verify':
      process.exitCode = await runJournal(command, commandContext())
  }
}

async function run(configFile: string | undefined): Promise<void> {
  // First of all, since a container's first process ignores signals that nobody listens for.
  const stop = listenForStop()
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
    onFatal,
  })
  await stop
  // The clock's timers do not keep the process alive, and the listener that does is about to close.
  const keepAlive = setInterval(() => undefined, 60_000)
  await sidecar.drain()
  await stopKusto()
  clearInterval(keepAlive)
  process.exit(0)
}

/** For a command that works on dead letters or the journal. */
function commandContext(): CommandContext {
  // Whoever reads the output may have seen enough, as `head` does.
  process.stdout.on('error', () => process.exit(exitCodes.other))
  const write = (text: string) =>
    new Promise<void>((resolve) => void process.stdout.write(text, () => resolve()))
  return { fileSystem, clock, env: process.env, write }
}

/** Resolves at the first signal, also one that came during the start. A second one ends the process at once, which loses nothing
 * that was acknowledged. */
function listenForStop(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(exitCodes.other)
      isStopping = true
      resolve()
    })
  }
  return promise
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
