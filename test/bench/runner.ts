/** Runs rows one after the other, each between two measurements of its yardstick. Prints nothing. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measureBacklog } from './backlog.ts'
import type { Kind } from './corpus.ts'
import { measureChain, noAzureKusto } from './fluent-bit.ts'
import { NullKusto } from './null-kusto-process.ts'
import { measureOutage } from './outage.ts'
import { probe } from './probe.ts'
import { compared, type Result, valueOf, type Values, type Yardsticks } from './results.ts'
import { type Job, type Row, rows } from './rows.ts'
import { measure, type Scenario } from './scenario.ts'
import { Scope } from './scope.ts'
import { Subject } from './subject.ts'
import { verify } from './verify.ts'
import { meanOf, measureYardstick, type Yardstick } from './yardstick.ts'

export type RunOptions = {
  readonly isQuick: boolean
  /** Parts of names; none is all rows. */
  readonly only: readonly string[]
  readonly backlogGb: number
  readonly fluentBit: string | undefined
  readonly onStart: (name: string) => void
  readonly onResult: (result: Result) => void
}

export type Run = {
  readonly results: readonly Result[]
  readonly yardsticks: Yardsticks
  readonly remarks: readonly string[]
}

/** A reason not to measure a row. */
class Skipped extends Error {}

const quickShare = 0.2

export async function runRows(options: RunOptions): Promise<Run> {
  const chosen = choose(options)
  const kinds = new Set<Kind>([
    'mix',
    ...chosen.flatMap(({ job }) => (job.how === 'load' ? [job.scenario.kind] : [])),
  ])
  const before = measureYardsticks(kinds, options)
  const measured: Result[] = []
  for (const row of chosen) {
    options.onStart(row.name)
    const result = await runRow(row, measured, options)
    measured.push(result)
    options.onResult(result)
  }
  const after = measureYardsticks(kinds, options)
  const yardsticks = new Map(
    [...kinds].map((kind) => [
      kind,
      meanOf([before.get(kind), after.get(kind)].filter((one) => one !== undefined)),
    ]),
  )
  const remarks = chosen.some(({ job }) => job.how === 'chain') ? [noAzureKusto] : []
  return { results: measured.map((result) => compared(result, yardsticks)), yardsticks, remarks }
}

/** With the rows that the chosen ones need. */
function choose({ isQuick, only }: RunOptions): readonly Row[] {
  const isChosen = (row: Row) =>
    only.length === 0 ? !isQuick || row.isQuick : only.some((part) => row.name.includes(part))
  const chosen = rows.filter(isChosen)
  const needed = new Set(chosen.flatMap(({ job }) => (job.how === 'latency' ? [job.top] : [])))
  return rows.filter((row) => chosen.includes(row) || needed.has(row.name))
}

function measureYardsticks(kinds: ReadonlySet<Kind>, { isQuick }: RunOptions): Map<Kind, Yardstick> {
  return new Map(
    [...kinds].map((kind) => [kind, measureYardstick(kind, kind === 'mix' && !isQuick ? 1.5e8 : 5e7)]),
  )
}

async function runRow(row: Row, before: readonly Result[], options: RunOptions): Promise<Result> {
  const { name, about, job } = row
  const comparison = comparisonOf(job)
  const base = { name, about, ...(comparison === undefined ? {} : { comparison }) }
  try {
    return { ...base, outcome: 'measured', values: await runJob(job, before, options), note: '' }
  } catch (error) {
    // The first line, since a program that ends may say much.
    const note = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] as string
    return { ...base, outcome: error instanceof Skipped ? 'skipped' : 'failed', values: {}, note }
  }
}

/** Only what costs CPU per byte of NDJSON. */
function comparisonOf(job: Job): Result['comparison'] {
  if (job.how === 'load') {
    const { kind, form } = job.scenario
    return { kind, isCompressed: form === 'ndjson+gzip' }
  }
  return job.how === 'backlog' ? { kind: 'mix', isCompressed: false } : undefined
}

async function runJob(job: Job, before: readonly Result[], options: RunOptions): Promise<Values> {
  const share = options.isQuick ? quickShare : 1
  switch (job.how) {
    case 'load':
      return measure(await startable(lessOf(job.scenario, share)))
    case 'latency':
      return measureLatency(job, before)
    case 'probe': {
      const { answerMs, blobMs } = await probe(job.order)
      return { p50Ms: answerMs.p50, p99Ms: answerMs.p99, blobP50Ms: blobMs.p50, blobP99Ms: blobMs.p99 }
    }
    case 'outage':
      return measureOutage(job.order)
    case 'backlog': {
      if (options.backlogGb === 0) throw new Skipped('only with --backlog-gb N')
      return measureBacklog({ ...job.order, backlogGb: job.isFull ? options.backlogGb : 0 })
    }
    case 'chain': {
      if (options.fluentBit === undefined) throw new Skipped('only with FLUENT_BIT=/path')
      return measureChain(options.fluentBit, lessOf(job.order, share))
    }
    case 'verify':
      return verify(lessOf(job.order, share))
    case 'other':
      return measureOther(job.file, job.name)
  }
}

function lessOf<Order extends { readonly totalRawBytes: number }>(order: Order, share: number): Order {
  return { ...order, totalRawBytes: order.totalRawBytes * share }
}

async function measureLatency(job: Job & { how: 'latency' }, before: readonly Result[]): Promise<Values> {
  const top = rows.find(({ name }) => name === job.top)?.job
  const reached = valueOf(before, job.top, 'requestsPerSecond')
  if (top?.how !== 'load' || reached === undefined) throw new Skipped(`${job.top} has no result`)
  const rate = reached * job.share
  // A warm-up takes a tenth more.
  return measure({ ...top.scenario, rate, totalRawBytes: rate * job.seconds * top.scenario.bodyBytes })
}

/** The scenario as the sidecar can run it: an older one knows only zlib, and has no key for it. */
async function startable(scenario: Scenario): Promise<Scenario> {
  if (scenario.compression === undefined || (await starts(scenario.compression))) return scenario
  if (scenario.compression === 'isal') throw new Skipped('no libisal')
  const { compression: _, ...rest } = scenario
  return rest
}

const startsWith = new Map<string, Promise<boolean>>()

function starts(compression: 'auto' | 'isal' | 'zlib'): Promise<boolean> {
  const known = startsWith.get(compression)
  if (known !== undefined) return known
  const tried = (async () => {
    await using scope = new Scope()
    const kusto = await NullKusto.start(scope)
    const settings = { guarantee: 'at_least_once', compression } as const
    const start = Subject.start(scope, await scope.directory(), kusto.url, settings)
    return await start.then(
      () => true,
      () => false,
    )
  })()
  startsWith.set(compression, tried)
  return tried
}

async function measureOther(file: string, name: string): Promise<Values> {
  const url = new URL(file, import.meta.url)
  if (!existsSync(fileURLToPath(url))) throw new Skipped(`there is no ${file}`)
  const module = (await import(url.href)) as Record<string, () => Promise<object>>
  const measureIt = module[name]
  if (measureIt === undefined) throw new Error(`${file} has no ${name}()`)
  const numbers = Object.entries(await measureIt()).filter(([, value]) => typeof value === 'number')
  return Object.fromEntries(numbers)
}
