/**
 * The pipeline from the answer to a shipper to the rows in Kusto, under a simulated clock, disk and Kusto, driven by one seed.
 *
 * Shippers send and send again, time passes, the disk refuses and Kusto fails, the process is killed and the power is cut, at random. Then
 * the faults stop and everything has to settle. What must hold:
 *
 * - ack-after-write: what was acknowledged is in its table, however often the process died; with at_least_once a power cut may take what
 *   is younger than the sync interval, with exactly_once nothing;
 * - exactly once: with exactly_once no record is in its table twice, and none both there and among the dead letters (but for batches that
 *   Kusto ingested in part);
 * - equal bodies that are no retries are all stored, but for those whose answer may not have been seen;
 * - one message: a second one is sent only when the first is over or its blob is gone;
 * - no record is in a table that was not sent; batches stay within their limits and never change.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { MemoryFileSystem } from '../fakes/memory-file-system.ts'
import { ManualClock } from '../fakes/manual-clock.ts'
import { SeededRandom } from '../fakes/seeded-random.ts'
import { aBlock, aTarget } from '../helpers/batches.ts'
import { LifeClock, startProcess, syncIntervalMs, type Plants, type SimProcess } from './sim-process.ts'
import { SimKusto, noKustoFaults, type KustoFaults } from './sim-kusto.ts'
import { SimShipper, type SimBody, type SimConnection } from './sim-shipper.ts'

export type Guarantee = 'at_least_once' | 'exactly_once'

export type Outcome = {
  readonly problems: string[]
  readonly acknowledged: number
  readonly deaths: number
  readonly duplicates: number
  readonly uncertainties: number
  readonly repeats: number
}

const batchSize = 50
const stepsPerRun = 60
const shippersCount = 3
const tables = ['T0', 'T1', 'T2']
/** One shipper of each run sends nothing but this. */
const heartbeat: SimBody = { text: 'T0:heartbeat', records: ['T0:heartbeat'] }
const pollIntervalMs = 1_000
const pollTimeoutMs = 10_000

export async function simulate(seed: number, guarantee: Guarantee, plants: Plants = {}): Promise<Outcome> {
  const run = new Run(seed, guarantee, plants)
  return run.play()
}

class Run {
  readonly #guarantee: Guarantee
  readonly #plants: Plants
  readonly #random: SeededRandom
  readonly #clock = new ManualClock()
  readonly #kusto: SimKusto
  readonly #rates: { kusto: KustoFaults; disk: number; kill: number; power: number; lostAnswers: number }
  readonly #shippers: SimShipper[]
  readonly #sent = new Set<string>()
  /** What was acknowledged, and when. */
  readonly #acknowledged = new Map<string, number>()
  readonly #deadLetters = new Set<string>()
  #heartbeats = 0
  #repeats = 0
  #deaths = 0
  #disk = new MemoryFileSystem()
  #life = new LifeClock(this.#clock)
  #process: SimProcess | undefined

  constructor(seed: number, guarantee: Guarantee, plants: Plants) {
    this.#plants = plants
    const random = new SeededRandom(seed)
    this.#random = random
    this.#guarantee = guarantee
    // Swarm: each run has its own mix of faults, and some have none of a kind.
    const sometimes = (chance: number) => (random.next() < 0.5 ? 0 : chance)
    const isExactlyOnce = guarantee === 'exactly_once'
    const ends = isExactlyOnce
      ? {
          loseMessage: sometimes(0.1),
          loseStatus: sometimes(0.1),
          transient: sometimes(0.2),
          permanent: sometimes(0.05),
          partial: sometimes(0.05),
        }
      : {}
    this.#rates = {
      kusto: { ...noKustoFaults, ...ends, call: random.integer(3) * 0.2 },
      disk: random.integer(3) * 0.05,
      kill: random.integer(3) * 0.04,
      power: random.integer(3) * 0.02,
      lostAnswers: sometimes(0.2),
    }
    const mayDelete = random.next() < 0.7
    this.#kusto = new SimKusto({
      random,
      clock: this.#clock,
      maxRecords: batchSize,
      // Longer than the silence after which a message is taken for lost, where its blob can then be deleted.
      maxQueueMs: mayDelete && random.next() < 0.5 ? 6 * pollTimeoutMs : pollTimeoutMs / 2,
      maxIngestionMs: 2 * pollIntervalMs - 100,
      mayAsk: random.next() < 0.7,
      mayDelete,
    })
    this.#shippers = Array.from(
      { length: shippersCount },
      (_, n) =>
        new SimShipper({
          random,
          nextBody: () => (n === 0 ? heartbeat : this.#nextBody()),
          onAcknowledged: (body) => this.#onAcknowledged(body),
          lostAnswers: this.#rates.lostAnswers,
        }),
    )
  }

  async play(): Promise<Outcome> {
    await this.#start()
    this.#kusto.faults = this.#rates.kusto
    for (let step = 0; step < stepsPerRun; step += 1) await this.#step()
    await this.#settle()
    const { problems, duplicates } = this.#judge()
    return {
      problems,
      acknowledged: this.#acknowledged.size + this.#heartbeats,
      deaths: this.#deaths,
      duplicates,
      uncertainties: this.#shippers.reduce((sum, { uncertainties }) => sum + uncertainties, 0),
      repeats: this.#repeats,
    }
  }

  async #step(): Promise<void> {
    const { disk, kill, power } = this.#rates
    const random = this.#random
    if (random.next() < disk)
      this.#disk.fail({
        operation: 'write',
        code: 'ENOSPC',
        path: '/journal',
        bytesWritten: random.integer(80),
      })
    if (random.next() < disk / 5) this.#disk.fail({ operation: 'sync', path: '/journal' })
    if (random.next() < 0.02) this.#clock.jump(random.integer(7_200_000) - 3_600_000)
    this.#ship(true)
    if (random.next() < 0.7) await this.#clock.advanceAndSettle(random.integer(60))
    else if (random.next() < 0.3) await this.#clock.advanceAndSettle(random.integer(3_000))
    const chance = random.next()
    if (this.#process?.hasFailed === true || chance < kill) await this.#restart(this.#disk.kill())
    else if (chance < kill + power) {
      if (this.#guarantee === 'at_least_once') this.#forgetWhatIsTooYoung()
      await this.#restart(this.#disk.crash(random))
    }
  }

  /** No more faults: every body is acknowledged in the end, and every batch settled. */
  async #settle(): Promise<void> {
    this.#kusto.faults = noKustoFaults
    await this.#restart(this.#disk.kill())
    for (let round = 0; round < 200; round += 1) {
      this.#ship(false)
      await this.#clock.advanceAndSettle(5_000)
      if (this.#process?.hasFailed === true) await this.#restart(this.#disk.kill())
      if (this.#shippers.every(({ isDone }) => isDone) && this.#process?.delivery.unsettledCount === 0) break
    }
    await this.#clock.advanceAndSettle(10 * pollTimeoutMs)
    // Inflating a batch for the dead letters is the one thing that takes real time, and more of it on a machine that is busy.
    for (let turn = 0; turn < 400 && (this.#process?.delivery.unsettledCount ?? 0) > 0; turn += 1) {
      await pause(5)
      await this.#clock.advanceAndSettle(1_000)
    }
  }

  async #start(): Promise<void> {
    const disk = this.#disk
    this.#process = await startProcess({
      disk,
      clock: this.#life,
      kusto: this.#kusto,
      random: this.#random,
      plants: this.#plants,
      isDedupOn: this.#guarantee === 'exactly_once',
      // As the process ends itself: nothing after it reaches the disk.
      onFatal: () => {
        // A process that was replaced meanwhile has no say.
        if (this.#disk !== disk) return
        this.#disk = disk.kill()
        this.#life.end()
      },
      keep: (letters) => {
        for (const { bytes } of letters) this.#deadLetters.add(bytes.toString())
      },
    })
  }

  async #restart(next: MemoryFileSystem): Promise<void> {
    this.#disk = next
    this.#life.end()
    this.#life = new LifeClock(this.#clock)
    for (const shipper of this.#shippers) shipper.disconnect()
    await this.#start()
    this.#deaths += 1
  }

  #ship(mayStart: boolean): void {
    const process = this.#process
    if (process === undefined) return
    for (const shipper of this.#shippers)
      shipper.step((connection, body) => this.#receive(process, connection, body), mayStart)
  }

  /** What the listener does with a request; never resolves when its process died. */
  async #receive(process: SimProcess, connection: SimConnection, body: SimBody): Promise<boolean> {
    const { ledger, batcher } = process
    const key = createHash('sha256').update(body.text).digest('hex').slice(0, 32)
    if (connection.readKey !== undefined) ledger?.forget(connection.readKey)
    connection.readKey = undefined
    connection.requestNumber += 1
    const { id, requestNumber } = connection
    const outcome = await this.#take(key, ledger, () =>
      batcher.append(this.#partsOf(body), { key, connection: id, requestNumber, fingerprint: 1 }),
    )
    if (process !== this.#process) return new Promise(() => undefined)
    if (outcome) connection.readKey = key
    else connection.id = this.#random.hex(8)
    return outcome
  }

  async #take(key: string, ledger: SimProcess['ledger'], append: () => Promise<void>): Promise<boolean> {
    if (ledger?.isStored(key) === true) {
      this.#repeats += 1
      return true
    }
    return append().then(
      () => true,
      () => false,
    )
  }

  #partsOf({ records }: SimBody) {
    return tables.flatMap((table) => {
      const own = records.filter((record) => record.startsWith(table))
      if (own.length === 0) return []
      const isExactlyOnce = this.#guarantee === 'exactly_once'
      const target = aTarget({
        destination: { table },
        limits: { batchIntervalMs: 500, batchSize },
        guarantee: this.#guarantee,
        settlement: { isExactlyOnce, isPolled: isExactlyOnce, pollIntervalMs, pollTimeoutMs },
      })
      return [{ target, block: aBlock(own) }]
    })
  }

  #nextBody(): SimBody {
    const first = this.#random.integer(tables.length)
    const spread = 1 + this.#random.integer(tables.length)
    const records = Array.from(
      { length: 1 + this.#random.integer(80) },
      (_, n) => `${tables[(first + (n % spread)) % tables.length]}:${this.#sent.size}.${n}`,
    )
    for (const record of records) this.#sent.add(record)
    return { text: records.join('\n'), records }
  }

  #onAcknowledged(body: SimBody): void {
    if (body === heartbeat) this.#heartbeats += 1
    else for (const record of body.records) this.#acknowledged.set(record, this.#clock.monotonic())
  }

  #forgetWhatIsTooYoung(): void {
    this.#heartbeats = 0
    for (const [record, atMs] of this.#acknowledged)
      if (this.#clock.monotonic() - atMs <= syncIntervalMs) this.#acknowledged.delete(record)
  }

  #judge(): { problems: string[]; duplicates: number } {
    const { rows, complaints } = this.#kusto
    const problems = [...complaints]
    const isKept = (record: string) => rows.has(record) || this.#deadLetters.has(record)
    const lost = [...this.#acknowledged.keys()].filter((record) => !isKept(record))
    if (lost.length > 0)
      problems.push(`${lost.length} of ${this.#acknowledged.size} records were lost: ${lost[0]}`)
    const strangers = [...rows.keys()].filter(
      (record) => !this.#sent.has(record) && record !== 'T0:heartbeat',
    )
    if (strangers.length > 0) problems.push(`a record that nobody sent: ${strangers[0]}`)
    const unsettled = this.#process?.delivery.unsettledCount ?? 0
    if (unsettled > 0) problems.push(`${unsettled} batches did not settle`)
    if (!this.#shippers.every(({ isDone }) => isDone)) problems.push('a body was never acknowledged')
    const twice = [...rows].filter(([record, count]) => count > 1 && record !== 'T0:heartbeat')
    if (this.#guarantee === 'exactly_once') problems.push(...this.#judgeOnce(twice.map(([record]) => record)))
    return { problems, duplicates: twice.length }
  }

  #judgeOnce(twice: readonly string[]): string[] {
    const { rows, partialRecords } = this.#kusto
    const problems: string[] = []
    if (twice.length > 0) problems.push(`${twice.length} records are there twice: ${twice[0]}`)
    const both = [...this.#deadLetters].filter(
      (record) => rows.has(record) && !partialRecords.has(record) && record !== 'T0:heartbeat',
    )
    if (both.length > 0) problems.push(`${both.length} records are in the table and dead letters: ${both[0]}`)
    const uncertain = this.#shippers[0]?.uncertainties ?? 0
    const stored = rows.get('T0:heartbeat') ?? 0
    const mayBeElsewhere = this.#deadLetters.has('T0:heartbeat') || partialRecords.has('T0:heartbeat')
    if (!mayBeElsewhere && Math.abs(stored - this.#heartbeats) > uncertain + this.#deaths)
      problems.push(
        `${this.#heartbeats} heartbeats were acknowledged, ${stored} stored, ${uncertain} uncertain`,
      )
    return problems
  }
}
