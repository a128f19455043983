import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Settlement } from '../../../sidecar/core/settlement.ts'
import { outcomes } from './expectations.ts'
import { World } from './world.ts'

const polled: Settlement = {
  isExactlyOnce: false,
  isPolled: true,
  pollIntervalMs: 5_000,
  pollTimeoutMs: 60_000,
}

describe('a batch for at least once that is asked for', () => {
  it('is settled when it is ingested', async () => {
    const world = new World(polled)
    void world.add('a')
    await world.run(3_500)
    assert.equal(world.isSettled, false)
    await world.run(8_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual(await outcomes(world), { ingested: 1 })
    assert.deepEqual(world.journal, ['enqueue a/0'], 'nothing has to be on record')
  })

  for (const code of ['KUSTO_INGESTION_FAILED', 'KUSTO_INGESTION_PARTIAL'] as const) {
    it(`is kept as dead letters with the error of Kusto after ${code}`, async () => {
      const world = new World(polled)
      world.kusto.fate = () => ({ ends: code })
      void world.add('a')
      await world.run(15_000)
      assert.equal(world.isSettled, true)
      assert.deepEqual(
        world.letters.map((letter) => [letter.code, letter.reason]),
        [[code, 'Kusto said so.']],
      )
      assert.equal(world.events('batch.ingestion_failed'), 1)
      assert.equal(world.kusto.count('isIngested') + world.kusto.count('withdraw'), 0)
    })
  }

  it('is sent again under the next number after a failure for now, with a rest after max_attempts', async () => {
    const world = new World(polled)
    world.kusto.fate = ({ number }) => (number < 4 ? { ends: 'KUSTO_INGESTION_TRANSIENT' } : {})
    void world.add('a')
    await world.run(60_000)
    assert.equal(world.kusto.count('enqueue'), 3)
    await world.run(120_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual(
      world.journal,
      [0, 1, 2, 3, 4].map((number) => `enqueue a/${number}`),
    )
  })

  it('is given back to its senders after max_attempts when they still have the records', async () => {
    const world = new World(polled)
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_TRANSIENT' })
    const settled = assert.rejects(world.add('a', { keepExhausted: false }), {
      code: 'DELIVERY_ATTEMPTS_EXHAUSTED',
    })
    await world.run(120_000)
    await settled
    assert.equal(world.kusto.count('enqueue'), 3)
    assert.equal(world.isSettled, true)
  })

  for (const [name, set] of Object.entries({
    'is heard': (world: World) => {
      world.kusto.fate = () => ({ ends: 'lost' })
    },
    'can be asked': (world: World) => {
      world.kusto.fault = (call) => (call === 'statusOf' ? { before: 'KUSTO_UNAUTHORIZED' } : undefined)
    },
  })) {
    it(`is settled with a warning when nothing ${name} within the time-out, since it is queued`, async () => {
      const world = new World(polled)
      set(world)
      void world.add('a')
      await world.run(58_000)
      assert.equal(world.isSettled, false)
      await world.run(10_000)
      assert.equal(world.isSettled, true)
      assert.deepEqual(await outcomes(world), { unconfirmed: 1 })
      assert.equal(world.events('batch.unconfirmed'), 1)
      const asked = world.kusto.count('statusOf')
      assert.ok(asked >= 10 && asked <= 16, `asked ${asked} times`)
    })
  }
})
