/** What happens while Kusto is away, and after it came back, under a load that goes on all the time. */
import { setTimeout as pause } from 'node:timers/promises'
import { NullKusto } from './null-kusto-process.ts'
import { load } from './scenario.ts'
import { Scope } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type OutageOrder = SubjectSettings & {
  readonly liveMbPerSecond: number
  readonly awaySeconds: number
  /** The load goes on so long after Kusto is back. */
  readonly backSeconds: number
}

export type Outage = {
  readonly liveMbPerSecond: number
  /** What was delivered, live load included, from the return of Kusto until no more than two batches waited. */
  readonly catchUpMbPerSecond: number
  readonly catchUpSeconds: number
  readonly backlogMb: number
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly peakRssMb: number
}

const bodyBytes = 262_144
/** Or the pauses between the attempts are most of what is measured. */
const yaml = 'retry: { base_interval_ms: 100, max_interval_ms: 500 }'

export async function measureOutage(order: OutageOrder): Promise<Outage> {
  await using scope = new Scope()
  const kusto = await NullKusto.start(scope)
  const subject = await Subject.start(scope, await scope.directory(), kusto.url, { ...order, yaml })
  const { liveMbPerSecond, awaySeconds, backSeconds, batchMb = 30 } = order
  await kusto.setAway(true)
  const live = load(scope, {
    port: subject.port,
    paths: ['/ingest/Bench/Table0'],
    kind: 'mix',
    form: 'ndjson',
    bodyBytes,
    connections: 16,
    rate: (liveMbPerSecond * 1e6) / bodyBytes,
    totalRawBytes: liveMbPerSecond * 1e6 * (awaySeconds + backSeconds),
    seed: 5,
  })
  const [result, caughtUp] = await Promise.all([
    live,
    pause(awaySeconds * 1000).then(() => catchUp(subject, kusto, 2 * batchMb * 1e6)),
  ])
  await subject.settle(result.records)
  const { refused, p50Ms, p99Ms } = result
  const peakRssMb = await subject.rssMb('VmHWM')
  const reachedMbPerSecond = result.rawBytes / 1e6 / result.seconds
  return { ...caughtUp, liveMbPerSecond: reachedMbPerSecond, refused, p50Ms, p99Ms, peakRssMb }
}

async function catchUp(subject: Subject, kusto: NullKusto, smallBytes: number) {
  const takenBytes = () => subject.metric('sidecar_decode_record_bytes_total')
  const settledBytes = () => subject.metric('sidecar_delivery_settled_raw_bytes_total')
  const settledBefore = await settledBytes()
  const backlogMb = ((await takenBytes()) - settledBefore) / 1e6
  const startedAt = performance.now()
  await kusto.setAway(false)
  for (;;) {
    const settled = await settledBytes()
    const seconds = (performance.now() - startedAt) / 1000
    if ((await takenBytes()) - settled <= smallBytes)
      return {
        backlogMb,
        catchUpSeconds: seconds,
        catchUpMbPerSecond: (settled - settledBefore) / 1e6 / seconds,
      }
    if (seconds > 120) throw new Error('after 120 s the backlog is not delivered')
    await pause(100)
  }
}
