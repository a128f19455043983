/** `npm run local-kusto`: a local Kusto that stays until ^C. */
import { parseArgs } from 'node:util'
import { startLocalKusto } from './local-kusto.ts'

/** Beside the 8080 and 8081 of the sidecar itself. */
const defaultPort = 8082
const defaultBatchingTimeMs = 1_000

const help = `Usage: node sidecar/local-kusto/main.ts [--port N] [--directory PATH] [--batching-time-ms N]

  --port N              where it listens on 127.0.0.1; default ${defaultPort}, 0 takes a free one
  --directory PATH      where data are kept; in memory, and lost at the end, when left out
  --batching-time-ms N  how long a message waits before it is ingested; default ${defaultBatchingTimeMs}
  --help                this text
`

try {
  await main()
} catch (error) {
  console.error(`local-kusto: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: String(defaultPort) },
      directory: { type: 'string' },
      'batching-time-ms': { type: 'string', default: String(defaultBatchingTimeMs) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const kusto = await startLocalKusto({
    port: wholeNumber('--port', values.port, 65_535),
    storageDirectory: values.directory,
    batchingTimeMs: wholeNumber('--batching-time-ms', values['batching-time-ms'], 3_600_000),
  })
  const welcome = await fetch(kusto.clusterUrl)
  console.log(`${await welcome.text()}\nListening on ${kusto.clusterUrl}; ^C ends it.`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void kusto.close()
    })
  }
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(number <= max)) throw new Error(`${option} must be a whole number from 0 to ${max}, not '${text}'.`)
  return number
}
