/** What taking in costs while Kusto is away, with so much in the journal from before. */
import { join } from 'node:path'
import { fillJournal } from './fill-journal.ts'
import { NullKusto } from './null-kusto-process.ts'
import { load } from './scenario.ts'
import { Scope } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type BacklogOrder = SubjectSettings & {
  /** In the journal, compressed. */
  readonly backlogGb: number
  readonly totalRawBytes: number
}

export type Backlog = {
  readonly mbPerSecond: number
  /** Until the last request was acknowledged. */
  readonly cpuSecondsPerGb: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly idleRssMb: number
  readonly peakRssMb: number
  readonly refused: number
}

export async function measureBacklog(order: BacklogOrder): Promise<Backlog> {
  await using scope = new Scope()
  const directory = await scope.directory()
  if (order.backlogGb > 0) {
    const batchesCount = Math.ceil(order.backlogGb * 20)
    await fillJournal(join(directory, 'journal'), {
      gb: order.backlogGb,
      batchesCount,
      openCount: 0,
      requestsPerFrame: 1,
    })
  }
  const kusto = await NullKusto.start(scope)
  await kusto.setAway(true)
  const subject = await Subject.start(scope, directory, kusto.url, order)
  const idleRssMb = await subject.rssMb('VmRSS')
  const orderOf = (totalRawBytes: number, seed: number) =>
    ({
      port: subject.port,
      paths: ['/ingest/Bench/New'],
      kind: 'mix',
      form: 'ndjson',
      bodyBytes: 1e6,
      connections: 16,
      rate: 0,
      totalRawBytes,
      seed,
    }) as const
  await load(scope, orderOf(order.totalRawBytes / 10, 1))
  const cpuBefore = await subject.cpuSeconds()
  const { rawBytes, seconds, p50Ms, p99Ms, refused } = await load(scope, orderOf(order.totalRawBytes, 2))
  const cpu = (await subject.cpuSeconds()) - cpuBefore
  return {
    mbPerSecond: rawBytes / 1e6 / seconds,
    cpuSecondsPerGb: cpu / (rawBytes / 1e9),
    p50Ms,
    p99Ms,
    idleRssMb,
    peakRssMb: await subject.rssMb('VmHWM'),
    refused,
  }
}
