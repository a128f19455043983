/**
 * Delivery for exactly once against a small model of Kusto, under random faults and with deaths of the process in between, from one seed. Then the
 * faults stop, and each batch has to be in the table once, or among the dead letters and not in the table.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import type { Fate, Fault } from './fake-kusto.ts'
import { letteredBatches } from './expectations.ts'
import type { Settlement } from '../../../sidecar/core/settlement.ts'
import { World, exactlyOnce, staging } from './world.ts'

const runs = Number(process.env['DELIVERY_RUNS'] ?? 300)
const onlySeed = process.env['DELIVERY_SEED']
const hourMs = 3_600_000

const codes = ['KUSTO_UNAVAILABLE', 'KUSTO_TIMEOUT', 'KUSTO_THROTTLED', 'KUSTO_UNAUTHORIZED'] as const

function pick<Item>(random: SeededRandom, items: readonly Item[]): Item {
  const item = items[random.integer(items.length)]
  assert.ok(item !== undefined)
  return item
}

/** Each run has its own mix, and some have none of a kind. */
function mixOf(random: SeededRandom) {
  const rate = (most: number) => (random.integer(3) * most) / 2
  return {
    calls: rate(0.4),
    disk: rate(0.3),
    deaths: rate(0.03),
    lost: rate(0.3),
    transient: rate(0.3),
    refused: rate(0.2),
    statusLost: rate(0.4),
    statusLies: rate(0.1),
    jumps: rate(0.1),
    slowestMs: pick(random, [5_000, 50_000, 100_000]),
    mayWithdraw: random.next() < 0.8,
  }
}

type Mix = ReturnType<typeof mixOf>

function fateOf(random: SeededRandom, mix: Mix): Partial<Fate> {
  // Ingestions that take longer than the grace are the window that remains, see decision 0016.
  const times = { queueMs: random.integer(mix.slowestMs), ingestMs: random.integer(9_000) }
  const chance = random.next()
  if (chance < mix.lost) return { ...times, ends: 'lost' }
  if (chance < mix.lost + mix.transient)
    return { ...times, ends: pick(random, ['KUSTO_INGESTION_TRANSIENT', 'KUSTO_BLOB_LOST']) }
  if (chance < mix.lost + mix.transient + mix.refused)
    return { ...times, ends: pick(random, ['KUSTO_INGESTION_FAILED', 'KUSTO_INGESTION_PARTIAL']) }
  if (random.next() < mix.statusLost) return { ...times, status: 'pending' }
  if (random.next() < mix.statusLies) return { ...times, status: 'KUSTO_INGESTION_FAILED' }
  return times
}

function faultOf(random: SeededRandom, call: string): Fault {
  const code: ErrorCode = pick(random, codes)
  if (call === 'enqueue' && random.next() < 0.7) return { reply: 'unknown', isPosted: random.next() < 0.5 }
  // A rejected message was certainly not posted: that is the promise of the port.
  return call === 'enqueue' || random.next() < 0.5 ? { before: code } : { after: code }
}

function setFaults(world: World, random: SeededRandom, mix: Mix): void {
  world.kusto.mayWithdraw = mix.mayWithdraw
  world.kusto.fate = () => fateOf(random, mix)
  world.kusto.fault = (call) => (random.next() < mix.calls ? faultOf(random, call) : undefined)
  world.diesAt = () => random.next() < mix.deaths
  world.onRecord = () => {
    if (random.next() < mix.disk) throw new SidecarError('JOURNAL_FULL', 'planned')
  }
}

function stopFaults(world: World): void {
  world.kusto.fate = () => ({})
  world.kusto.fault = () => undefined
  world.diesAt = () => false
  world.onRecord = () => undefined
  if (world.isDead) world.start()
}

async function run(seed: number, settlement: Settlement): Promise<{ deaths: number; replaced: number }> {
  const random = new SeededRandom(seed)
  const mix = mixOf(random)
  const world = new World(settlement, seed)
  const ids: string[] = []
  let deaths = 0
  setFaults(world, random, mix)
  for (let step = 0; step < 60; step += 1) {
    if (world.isDead) {
      deaths += 1
      if (random.next() < 0.3) await world.run(random.integer(120_000), 10_000)
      world.start()
    }
    if (ids.length < 8 && random.next() < 0.5 && !world.isDead) {
      ids.push(`b${ids.length}`)
      void world.add(`b${ids.length - 1}`)
    }
    if (random.next() < mix.jumps && mix.mayWithdraw) world.clock.jump(random.integer(hourMs) - hourMs / 2)
    await world.run(random.integer(30_000), 5_000)
  }
  stopFaults(world)
  for (let hour = 0; hour < 24 && !world.isSettled; hour += 1) await world.run(hourMs, 30_000)
  assert.equal(world.isSettled, true, 'every batch is settled')
  const lettered = letteredBatches(world.letters)
  for (const id of ids) {
    const rows = world.kusto.rows.get(id) ?? 0
    assert.equal(rows, lettered.has(id) ? 0 : 1, `${id} is in the table ${rows} times`)
    if (world.kusto.parts.has(id)) assert.ok(lettered.has(id), `${id} came in part and nobody knows`)
  }
  return { deaths, replaced: world.events('batch.message_replaced') }
}

describe('delivery for exactly once under random faults', () => {
  for (const [how, settlement] of Object.entries({
    'in place': exactlyOnce,
    'through a staging table': staging,
  }))
    it(`brings each batch once, or keeps it as dead letters, ${how}`, async (test) => {
      const seeds =
        onlySeed === undefined ? Array.from({ length: runs }, (_, n) => n + 1) : [Number(onlySeed)]
      const sum = { deaths: 0, replaced: 0 }
      for (const seed of seeds) {
        try {
          const { deaths, replaced } = await run(seed, settlement)
          sum.deaths += deaths
          sum.replaced += replaced
        } catch (cause) {
          throw new Error(`DELIVERY_SEED=${seed}: ${(cause as Error).message}`, { cause })
        }
      }
      test.diagnostic(`${seeds.length} runs, ${sum.deaths} deaths, ${sum.replaced} messages replaced`)
      if (onlySeed === undefined) assert.ok(sum.deaths > runs && sum.replaced > runs)
    })
})
