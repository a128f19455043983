/** How long a record takes from its request into a blob where batches are flushed at once, while other tables are under load. */
import { setTimeout as pause } from 'node:timers/promises'
import { load } from './scenario.ts'
import { NullKusto } from './null-kusto-process.ts'
import { Scope } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type ProbeOrder = SubjectSettings & {
  readonly probes: number
  /** Of the load beside them, in bodies of 64 KB; 0 is none. */
  readonly loadMbPerSecond: number
}

export type Probed = { readonly answerMs: Percentiles; readonly blobMs: Percentiles }
type Percentiles = { readonly p50: number; readonly p99: number }

const bodyBytes = 65_536
const pauseMs = 20

export async function probe(order: ProbeOrder): Promise<Probed> {
  await using scope = new Scope()
  const kusto = await NullKusto.start(scope, { tell: true })
  const routes = [{ match: { path: 'probe' }, database: 'Bench', table: 'Probe', flush_immediately: true }]
  const settings = { ...order, yaml: `routes: ${JSON.stringify(routes)}` }
  const subject = await Subject.start(scope, await scope.directory(), kusto.url, settings)
  // One after the other, so that each blob belongs to one request.
  await probeOften(subject, kusto, 20)
  const isDone = new AbortController()
  const background = keepUnderLoad(scope, subject, order.loadMbPerSecond, isDone.signal)
  const probes = probeOften(subject, kusto, order.probes).finally(() => isDone.abort())
  const [{ answerMs, blobMs }] = await Promise.all([probes, background])
  return { answerMs: percentiles(answerMs), blobMs: percentiles(blobMs) }
}

async function probeOften({ port }: Subject, kusto: NullKusto, count: number) {
  const answerMs: number[] = []
  const blobMs: number[] = []
  for (let n = 0; n < count; n += 1) {
    const arrival = kusto.arrivalOf('Bench__Probe')
    const startedAt = performance.timeOrigin + performance.now()
    const body = `${JSON.stringify({ n, startedAt, message: 'one line of an application that should be seen soon' })}\n`
    const headers = { 'content-type': 'application/x-ndjson' }
    const answer = await fetch(`http://127.0.0.1:${port}/ingest/probe`, { method: 'POST', body, headers })
    if (!answer.ok) throw new Error(`a probe was answered ${answer.status}`)
    await answer.arrayBuffer()
    answerMs.push(performance.timeOrigin + performance.now() - startedAt)
    blobMs.push((await arrival).atMs - startedAt)
    await pause(pauseMs)
  }
  return { answerMs, blobMs }
}

/** In pieces of a second, until it is enough. */
async function keepUnderLoad(
  scope: Scope,
  { port }: Subject,
  mbPerSecond: number,
  isDone: AbortSignal,
): Promise<void> {
  if (mbPerSecond === 0) return
  const order = { kind: 'mix', form: 'ndjson', bodyBytes, connections: 8 } as const
  const amount = { totalRawBytes: mbPerSecond * 2e6, rate: (mbPerSecond * 1e6) / bodyBytes }
  for (let seed = 10; !isDone.aborted; seed += 1)
    await load(scope, { ...order, ...amount, port, paths: ['/ingest/Bench/Other'], seed })
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
  return { p50: at(0.5), p99: at(0.99) }
}
