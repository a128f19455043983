/**
 * The pipeline from batcher to delivery under a simulated clock, disk and Kusto, driven by one seed.
 *
 * Requests come in, time passes, the disk refuses and Kusto fails, the process is killed and the power is cut, at random. Then the faults stop and
 * everything has to settle. What must hold:
 *
 * - ack-after-write: what was acknowledged is delivered, however often the process died;
 * - after a power cut, what was acknowledged longer ago than the sync interval is delivered;
 * - no record is delivered that was not sent; batches stay within their limits and never change.
 */
import { constants, deflateRawSync } from 'node:zlib'
import { Batcher } from '../../sidecar/batch/batcher.ts'
import { limits } from '../../sidecar/core/limits.ts'
import { Semaphore } from '../../sidecar/core/semaphore.ts'
import { DeliveryQueue } from '../../sidecar/delivery/delivery.ts'
import { DiskStore } from '../../sidecar/journal/disk-store.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { ManualClock } from '../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../fakes/memory-file-system.ts'
import { SeededRandom } from '../fakes/seeded-random.ts'
import { aBlock, aTarget } from '../helpers/batches.ts'
import { SimKusto } from './sim-kusto.ts'

const syncIntervalMs = 100
const batchSize = 50
const stepsPerRun = 60
const settleMs = 120_000

export type Outcome = {
  readonly problems: string[]
  readonly acknowledged: number
  readonly deaths: number
  readonly duplicates: number
}

type Process = {
  readonly store: DiskStore
  readonly batcher: Batcher
  readonly delivery: DeliveryQueue
  hasFailed: boolean
}

/** What was acknowledged, and when. */
type Ledger = { readonly sent: Set<string>; readonly acknowledged: Map<string, number> }

export async function simulate(seed: number): Promise<Outcome> {
  const random = new SeededRandom(seed)
  const clock = new ManualClock()
  const kusto = new SimKusto(random, batchSize)
  const ledger: Ledger = { sent: new Set(), acknowledged: new Map() }
  // Swarm: each run has its own mix of faults, and some have none of a kind.
  const rates = {
    kusto: random.integer(3) * 0.2,
    disk: random.integer(3) * 0.05,
    kill: random.integer(3) * 0.04,
    power: random.integer(3) * 0.02,
  }
  let disk = new MemoryFileSystem()
  let life = new AbandonableClock(clock)
  let process = await start(disk, life, kusto, random)
  let deaths = 0

  const restart = async (next: MemoryFileSystem) => {
    disk = next
    life.abandon()
    life = new AbandonableClock(clock)
    process = await start(disk, life, kusto, random)
    deaths += 1
  }

  kusto.faultRate = rates.kusto
  for (let step = 0; step < stepsPerRun; step += 1) {
    if (random.next() < rates.disk)
      disk.fail({ operation: 'write', code: 'ENOSPC', path: '/journal', bytesWritten: random.integer(80) })
    if (random.next() < rates.disk / 5) disk.fail({ operation: 'sync', path: '/journal' })
    send(process, ledger, clock, random)
    if (random.next() < 0.7) await clock.advanceAndSettle(random.integer(60))
    else if (random.next() < 0.3) await clock.advanceAndSettle(random.integer(3_000))
    const chance = random.next()
    if (process.hasFailed || chance < rates.kill) await restart(disk.kill())
    else if (chance < rates.kill + rates.power) {
      forgetWhatIsTooYoung(ledger, clock)
      await restart(disk.crash(random))
    }
  }

  kusto.faultRate = 0
  await restart(disk.kill())
  await clock.advanceAndSettle(settleMs)
  return { ...judge(ledger, kusto, process), deaths }
}

async function start(
  disk: MemoryFileSystem,
  clock: AbandonableClock,
  kusto: SimKusto,
  random: SeededRandom,
): Promise<Process> {
  const log = silentLog()
  const metrics = createMetrics()
  const process = { hasFailed: false }
  const onFatal = () => {
    process.hasFailed = true
  }
  const common = { clock, random, log, metrics }
  const store = await DiskStore.start({
    directory: '/journal',
    maxDiskBytes: 1e9,
    syncIntervalMs,
    fileSystem: disk,
    onFatal,
    ...common,
  })
  const delivery = new DeliveryQueue({
    ...common,
    gateway: kusto,
    deadLetters: { keep: async () => undefined },
    retry: { maxAttempts: 3, baseIntervalMs: 100, maxIntervalMs: 2_000 },
    maxInFlight: 4,
    maxInFlightPerDestination: 2,
  })
  const batcher = new Batcher({
    ...common,
    store,
    deliver: delivery,
    compressions: new Semaphore(limits.compressionsInFlight),
    compress: async (rawBytes) => deflateRawSync(rawBytes, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
    maxDestinations: 10,
    maxPendingBytes: 1e9,
  })
  for (const batch of await store.recover()) void delivery.deliver(batch, { keepExhausted: true })
  return Object.assign(process, { store, batcher, delivery })
}

function send({ batcher }: Process, ledger: Ledger, clock: ManualClock, random: SeededRandom): void {
  const target = aTarget({
    destination: { table: `T${random.integer(3)}` },
    limits: { batchIntervalMs: 500, batchSize },
  })
  const records = Array.from({ length: 1 + random.integer(80) }, () =>
    JSON.stringify({ id: ledger.sent.size + random.next() }),
  )
  for (const record of records) ledger.sent.add(record)
  batcher.append([{ target, block: aBlock(records) }]).then(
    () => {
      for (const record of records) ledger.acknowledged.set(record, clock.monotonic())
    },
    () => undefined,
  )
}

/** A power cut may take what was acknowledged within the last sync interval. */
function forgetWhatIsTooYoung({ acknowledged }: Ledger, clock: ManualClock): void {
  for (const [record, atMs] of acknowledged)
    if (clock.monotonic() - atMs <= syncIntervalMs) acknowledged.delete(record)
}

function judge(
  { sent, acknowledged }: Ledger,
  kusto: SimKusto,
  { delivery }: Process,
): Omit<Outcome, 'deaths'> {
  const problems = [...kusto.complaints]
  const lost = [...acknowledged.keys()].filter((record) => !kusto.delivered.has(record))
  if (lost.length > 0) problems.push(`${lost.length} of ${acknowledged.size} acknowledged records were lost`)
  for (const record of kusto.delivered.keys())
    if (!sent.has(record)) problems.push(`a record that nobody sent: ${record}`)
  if (delivery.unsettledCount > 0) problems.push(`${delivery.unsettledCount} batches did not settle`)
  const duplicates = [...kusto.delivered.values()].filter((count) => count > 1).length
  return { problems, acknowledged: acknowledged.size, duplicates }
}

/** The clock of one process: after its death none of its timers fires. */
class AbandonableClock {
  readonly #clock: ManualClock
  #isAbandoned = false

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  after(delayMs: number, callback: () => void): { cancel: () => void } {
    return this.#clock.after(delayMs, () => {
      if (!this.#isAbandoned) callback()
    })
  }

  abandon(): void {
    this.#isAbandoned = true
  }
}
