import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fate, Message } from './fake-kusto.ts'
import { World, exactlyOnce, staging, type Point } from './world.ts'

const hourMs = 3_600_000

const scenarios: Record<string, (message: Message) => Partial<Fate>> = {
  'a usual message': () => ({}),
  'a message that is slow': () => ({ queueMs: 40_000 }),
  'a message that is too slow': ({ number }) => (number === 0 ? { queueMs: 90_000 } : {}),
  'a lost message': ({ number }) => (number === 0 ? { ends: 'lost' } : {}),
  'a lost status': () => ({ status: 'pending' }),
  'a failure for now': ({ number }) => (number === 0 ? { ends: 'KUSTO_INGESTION_TRANSIENT' } : {}),
}

const calls = [
  'upload',
  'recordSending',
  'enqueue',
  'statusOf',
  'isIngested',
  'commit',
  'withdraw',
  'remove',
] as const
const points: Point[] = calls.flatMap((call) => [`before ${call}` as const, `after ${call}` as const])

/** Dies at this point when it is come to for the `nth` time, and is started again. */
async function diesOnce(world: World, point: Point, nth: number): Promise<boolean> {
  let times = 0
  world.diesAt = (one) => one === point && (times += 1) === nth
  void world.add('a')
  for (let step = 0; step < 600 && !world.isDead && !world.isSettled; step += 1) await world.run(1_000)
  const hasDied = world.isDead
  world.diesAt = () => false
  if (hasDied) world.start()
  return hasDied
}

describe('a process that dies', () => {
  const cases = [
    ...Object.entries(scenarios).map(([name, fate]) => ({ name, fate, settlement: exactlyOnce })),
    ...Object.entries({
      ...scenarios,
      'a message that brings a part': ({ number }: Message): Partial<Fate> =>
        number === 0 ? { ends: 'KUSTO_INGESTION_PARTIAL' } : {},
    }).map(([name, fate]) => ({ name: `${name} through a staging table`, fate, settlement: staging })),
  ]
  for (const { name, fate, settlement } of cases) {
    it(`at any point of ${name} leaves a batch that comes once`, async () => {
      let deaths = 0
      for (const point of points) {
        for (const nth of [1, 2]) {
          const world = new World(settlement)
          world.kusto.fate = fate
          if (await diesOnce(world, point, nth)) deaths += 1
          await world.run(hourMs, 5_000)
          assert.equal(world.isSettled, true, `${point}, ${nth}`)
          assert.equal(world.kusto.rows.get('a'), 1, `${point}, ${nth}`)
          assert.deepEqual(world.letters, [])
        }
      }
      assert.ok(deaths >= 8, `${deaths} deaths`)
    })
  }

  it('while it keeps dead letters keeps them after its restart', async () => {
    const world = new World()
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_FAILED' })
    assert.equal(await diesOnce(world, 'before keep', 1), true)
    await world.run(60_000)
    assert.equal(world.isSettled, true)
    assert.equal(world.letters.length, 1)
    assert.equal(world.kusto.rows.size, 0)
  })

  it('is followed by one that asks before it sends', async () => {
    const world = new World()
    world.kusto.fate = () => ({ queueMs: 20_000 })
    await diesOnce(world, 'after enqueue', 1)
    world.kusto.calls.length = 0
    await world.run(30_000)
    assert.match(world.kusto.calls[0] ?? '', /^statusOf/)
    assert.equal(world.kusto.count('upload'), 0)
    assert.equal(world.isSettled, true)
  })

  it('does not count the time in which none ran as silence of its message', async () => {
    const world = new World()
    world.kusto.fate = ({ number }) => (number === 0 ? { ends: 'lost' } : {})
    assert.equal(await diesOnce(world, 'after enqueue', 1), true)
    world.kill()
    await world.run(120_000)
    world.start()
    await world.run(50_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    await world.run(60_000)
    assert.equal(world.isSettled, true)
    assert.equal(world.kusto.count('enqueue'), 2)
  })

  it('does not count a jump of the wall clock as silence either', async () => {
    for (const jumpMs of [-10 * hourMs, hourMs, 10_000 * hourMs]) {
      const world = new World()
      world.kusto.fate = ({ number }) => (number === 0 ? { ends: 'lost' } : {})
      assert.equal(await diesOnce(world, 'after enqueue', 1), true)
      world.kill()
      world.clock.jump(jumpMs)
      world.start()
      await world.run(50_000)
      assert.equal(world.kusto.count('enqueue'), 1)
      await world.run(60_000)
      assert.equal(world.isSettled, true)
    }
  })
})
