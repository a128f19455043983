/** What is measured: the sidecar as its users run it, or the naive program, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, rssMb } from './process-cost.ts'
import type { Scope } from './scope.ts'

export type Guarantee = 'none' | 'at_least_once' | 'exactly_once'

export type SubjectSettings = {
  readonly program?: 'sidecar' | 'naive'
  readonly guarantee: Guarantee
  readonly compression?: 'auto' | 'isal' | 'zlib'
  readonly batchMb?: number
  /** Batches as they are without any setting: 1,000 records or 30 s. */
  readonly hasDefaultBatches?: boolean
  /** Further sections of the configuration file. */
  readonly yaml?: string
  readonly nodeArguments?: readonly string[]
}

type Started = { readonly port: number; readonly adminPort: number }

/** `BENCH_SIDECAR` is the main file of another checkout, to compare two. */
function programOf(settings: SubjectSettings): string {
  if (settings.program === 'naive') return fileURLToPath(new URL('naive.ts', import.meta.url))
  return process.env['BENCH_SIDECAR'] ?? fileURLToPath(new URL('../../sidecar/main.ts', import.meta.url))
}

export class Subject {
  readonly child: ChildProcess
  readonly port: number
  readonly #adminPort: number

  private constructor(child: ChildProcess, { port, adminPort }: Started) {
    this.child = child
    this.port = port
    this.#adminPort = adminPort
  }

  /** Its journal is below `directory`. Rejects when the program ends before it listens. */
  static async start(
    scope: Scope,
    directory: string,
    kustoUrl: string,
    settings: SubjectSettings,
  ): Promise<Subject> {
    const file = join(directory, 'sidecar.yaml')
    await writeFile(file, configText(directory, kustoUrl, settings))
    const words = [...(settings.nodeArguments ?? []), programOf(settings), '--config', file]
    const child = scope.start(() => spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] }))
    const { promise, resolve, reject } = Promise.withResolvers<Started>()
    let complaint = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk.toString()}`.slice(0, 500)
      if (process.env['BENCH_LOG'] !== undefined) process.stderr.write(chunk)
    })
    child.once('exit', (code) =>
      reject(new Error(`the program ended with ${code}: ${complaint.replaceAll(/\s+/g, ' ')}`)),
    )
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (line.includes('"sidecar.started"')) resolve(JSON.parse(line) as Started)
      if (process.env['BENCH_LOG'] !== undefined) console.error(line)
    })
    return new Subject(child, await promise)
  }

  cpuSeconds(): Promise<number> {
    return cpuSeconds(this.child.pid as number)
  }

  rssMb(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    return rssMb(this.child.pid as number, field)
  }

  /** The sum over all labels of a metric. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text()
    let sum = 0
    for (const [, value] of text.matchAll(new RegExp(`^${name}(?:\\{\\S*)? (\\S+)$`, 'gm')))
      sum += Number(value)
    return sum
  }

  /** Seals what is open until `records` are settled in all; rejects when that does not go on, and when there are more. */
  async settle(records: number, patienceMs = 60_000): Promise<void> {
    let settled = 0
    let progressAt = performance.now()
    for (;;) {
      await fetch(`http://127.0.0.1:${this.#adminPort}/-/flush`, { method: 'POST' })
      const sum = await this.metric('sidecar_delivery_settled_records_total')
      if (sum > records) throw new Error(`${sum} records were settled of ${records}`)
      if (sum === records) return
      if (sum > settled) progressAt = performance.now()
      settled = sum
      if (performance.now() - progressAt > patienceMs)
        throw new Error(`only ${sum} records of ${records} are settled, and no more within ${patienceMs} ms`)
      await pause(50)
    }
  }
}

function configText(directory: string, kustoUrl: string, settings: SubjectSettings): string {
  const { guarantee, batchMb = 30, hasDefaultBatches = false, compression, yaml = '' } = settings
  const write = {
    delivery_guarantee: guarantee,
    poll_for_ingestion_status: true,
    poll_interval_ms: 100,
    ...(hasDefaultBatches ? {} : { client_batch_size_limit_mb: batchMb, batch_size: 10_000_000 }),
  }
  const journal = {
    directory: join(directory, 'journal'),
    max_disk_mb: 40_000,
    ...(compression === undefined ? {} : { compression }),
  }
  // JSON is YAML.
  const sections = {
    kusto: { cluster_url: kustoUrl, ingestion_url: kustoUrl, auth: { type: 'none' } },
    server: { listen: '127.0.0.1:0', admin_listen: '127.0.0.1:0' },
    log: { level: 'info', format: 'json' },
    journal,
    dead_letter: { directory: join(directory, 'dead-letters') },
    write,
  }
  const lines = Object.entries(sections).map(([name, section]) => `${name}: ${JSON.stringify(section)}`)
  return `${lines.join('\n')}\n${yaml}\n`
}
