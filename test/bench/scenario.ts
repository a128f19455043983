/** One measurement: a null Kusto, a program that takes logs, and a load, each a process of its own. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadOrder, LoadResult } from './load.ts'
import { NullKusto } from './null-kusto-process.ts'
import { cpuSecondsByThread } from './process-cost.ts'
import { messageOf, Scope, stop } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type Scenario = Omit<LoadOrder, 'port' | 'paths' | 'seed'> &
  SubjectSettings & { readonly destinations: number }

export type Measured = LoadResult & {
  readonly mbPerSecond: number
  readonly requestsPerSecond: number
  /** Of the program alone, until the last batch was settled. */
  readonly cpuSecondsPerGb: number
  readonly peakRssMb: number
  readonly idleRssMb: number
  readonly blobs: number
  readonly blobBytes: number
  readonly settledRecords: number
}

const loadScript = fileURLToPath(new URL('load.ts', import.meta.url))

export async function measure(scenario: Scenario): Promise<Measured> {
  await using scope = new Scope()
  const kusto = await NullKusto.start(scope)
  const subject = await Subject.start(scope, await scope.directory(), kusto.url, scenario)
  const orderOf = (seed: number): LoadOrder => ({ ...loadOf(scenario), ...pathsOf(scenario, subject), seed })
  const idleRssMb = await subject.rssMb('VmRSS')
  const warmUp = { ...orderOf(1), totalRawBytes: scenario.totalRawBytes / 10, rate: 0 }
  const warm = await load(scope, warmUp)
  await subject.settle(warm.records)
  const cpuBefore = await subject.cpuSeconds()
  const result = await load(scope, orderOf(2))
  await subject.settle(warm.records + result.records)
  const cpu = (await subject.cpuSeconds()) - cpuBefore
  await tellMore(subject, scenario)
  const { blobs, blobBytes } = await kusto.counts()
  return {
    ...result,
    mbPerSecond: result.rawBytes / 1e6 / result.seconds,
    requestsPerSecond: result.requests / result.seconds,
    cpuSecondsPerGb: cpu / (result.rawBytes / 1e9),
    peakRssMb: await subject.rssMb('VmHWM'),
    idleRssMb,
    blobs,
    blobBytes,
    settledRecords: warm.records + result.records,
  }
}

/** What of a scenario is for the load generator. */
function loadOf(scenario: Scenario): Omit<LoadOrder, 'port' | 'paths' | 'seed'> {
  const { kind, form, bodyBytes, connections, totalRawBytes, rate } = scenario
  return { kind, form, bodyBytes, connections, totalRawBytes, rate }
}

function pathsOf(scenario: Scenario, { port }: Subject): Pick<LoadOrder, 'port' | 'paths'> {
  const paths = Array.from({ length: scenario.destinations }, (_, n) => `/ingest/Bench/Table${n}`)
  return { port, paths }
}

export async function load(scope: Scope, order: LoadOrder): Promise<LoadResult> {
  const child = scope.start(() => fork(loadScript))
  child.send(order)
  return messageOf<LoadResult>(child, 'the load generator')
}

/** `BENCH_THREADS` prints the time of each thread; a profile of Node is only written by a process that ends by itself. */
async function tellMore({ child }: Subject, { nodeArguments = [] }: Scenario): Promise<void> {
  if (process.env['BENCH_THREADS'] !== undefined) console.error(await cpuSecondsByThread(child.pid as number))
  if (nodeArguments.includes('--cpu-prof')) await stop(child, 'SIGTERM')
}
