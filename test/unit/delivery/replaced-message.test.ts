import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { endsInTheTable, first, letteredBatches, outcomes } from './expectations.ts'
import { World } from './world.ts'

const hourMs = 3_600_000

describe('a message for exactly once of which nothing is heard', () => {
  for (const call of ['isIngested', 'withdraw'] as const) {
    it(`sends nothing while ${call} fails`, async () => {
      const world = new World()
      world.kusto.fate = first({ ends: 'lost' })
      world.kusto.fault = (one) => (one === call ? { before: 'KUSTO_THROTTLED' } : undefined)
      void world.add('a')
      await world.run(hourMs)
      assert.equal(world.kusto.count('enqueue'), 1)
      assert.ok(world.kusto.count(call) > 10)
      if (call === 'isIngested') assert.equal(world.kusto.count('withdraw'), 0)
      world.kusto.fault = () => undefined
      await endsInTheTable(world, 120_000)
      assert.equal(world.kusto.count('enqueue'), 2)
    })
  }

  it('is not sent again when it is being ingested in the moment in which its blob is deleted', async () => {
    const world = new World()
    world.kusto.fate = first({ queueMs: hourMs })
    world.kusto.fault = (call) => {
      const [message] = world.kusto.messages
      if (call === 'withdraw' && message !== undefined) world.kusto.begin(message, { ingestMs: 8_000 })
      return undefined
    }
    void world.add('a')
    await endsInTheTable(world, 120_000)
    assert.equal(world.kusto.count('withdraw'), 1)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('has its withdrawn message fail, and comes by the next one', async () => {
    const world = new World()
    world.kusto.fate = first({ queueMs: 65_000 })
    void world.add('a')
    await endsInTheTable(world, 150_000)
    assert.equal(world.kusto.count('enqueue'), 2)
  })

  it('waits for very long when the message cannot be withdrawn, and comes by the first one if that was only late', async () => {
    const world = new World()
    world.kusto.mayWithdraw = false
    world.kusto.fate = first({ queueMs: 11 * 60_000 })
    void world.add('a')
    await endsInTheTable(world, 13 * 60_000)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is sent again after that time, which Kusto takes for a repeat when the first one came meanwhile', async () => {
    const world = new World()
    world.kusto.mayWithdraw = false
    world.kusto.fate = ({ number }) =>
      number === 0 ? { queueMs: 12 * 60_000 + 30_000 } : { queueMs: 60_000 }
    void world.add('a')
    await endsInTheTable(world, 16 * 60_000)
    assert.equal(world.kusto.count('enqueue'), 2)
    assert.deepEqual(await outcomes(world), { repeat: 1 })
  })

  it('gives each further message more time, so that a queue longer than the time-out is no endless loop', async () => {
    const world = new World()
    world.kusto.fate = () => ({ queueMs: 15 * 60_000 })
    void world.add('a')
    await endsInTheTable(world, hourMs)
    assert.equal(world.kusto.count('enqueue'), 5)
  })

  it('is found by a last look at the table when it comes while its blob is deleted and its status is lost', async () => {
    const world = new World()
    world.kusto.fate = first({ queueMs: hourMs })
    world.kusto.fault = (call) => {
      const [message] = world.kusto.messages
      if (call === 'withdraw' && message !== undefined) world.kusto.begin(message, { status: 'pending' })
      return undefined
    }
    void world.add('a')
    await endsInTheTable(world, 120_000)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is not taken for ingested when a part of it comes between the question for its status and that for the table', async () => {
    const world = new World()
    world.kusto.fate = first({ queueMs: hourMs })
    world.kusto.fault = (call) => {
      const [message] = world.kusto.messages
      if (call === 'isIngested' && message !== undefined)
        world.kusto.begin(message, { ends: 'KUSTO_INGESTION_PARTIAL', ingestMs: 0 })
      // The first question for the table is too early, the second one is after the part came.
      return call === 'isIngested' && world.kusto.count('isIngested') === 1
        ? { before: 'KUSTO_TIMEOUT' }
        : undefined
    }
    void world.add('a')
    await world.run(120_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual([...letteredBatches(world.letters)], ['a'])
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is found in the table when only the status cannot be asked, and else kept for as long as that lasts', async () => {
    const world = new World()
    world.kusto.fault = (call) => (call === 'statusOf' ? { before: 'KUSTO_UNAVAILABLE' } : undefined)
    void world.add('a')
    await endsInTheTable(world, 240_000)
    assert.deepEqual(await outcomes(world), { found: 1 })
    world.kusto.fate = () => ({ ends: 'lost' })
    void world.add('b')
    await world.run(hourMs)
    assert.equal(world.isSettled, false)
    assert.equal(world.kusto.count('enqueue'), 2)
  })

  it('is not taken for refused by a failure that comes of deleting its blob', async () => {
    const world = new World()
    world.kusto.fate = first({ queueMs: 65_000, ends: 'KUSTO_INGESTION_FAILED' })
    world.kusto.fault = (call) => {
      const [message] = world.kusto.messages
      if (call === 'withdraw' && message !== undefined)
        world.kusto.begin(message, { ends: 'KUSTO_INGESTION_FAILED' })
      return undefined
    }
    void world.add('a')
    await endsInTheTable(world, 120_000)
  })
})

describe('a damaged batch for exactly once', () => {
  const corrupt = (id: string) => {
    if (id === 'a') throw new SidecarError('JOURNAL_CORRUPT', 'damaged')
  }

  it('is repaired when no message was sent for it', async () => {
    const world = new World()
    world.onRead = corrupt
    world.onRepair = () => 'repaired'
    void world.add('a')
    await world.run(15_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual([...world.kusto.rows], [['repaired', 1]])
  })

  it('is repaired after its message was withdrawn', async () => {
    const world = new World()
    world.kusto.fate = ({ batchId }) => (batchId === 'a' ? { queueMs: 80_000 } : {})
    world.onRepair = () => 'repaired'
    void world.add('a')
    await world.run(1_000)
    world.onRead = corrupt
    await world.run(150_000)
    assert.deepEqual([...world.kusto.rows], [['repaired', 1]])
  })

  it('is not repaired while its message may be under way', async () => {
    const world = new World()
    world.kusto.mayWithdraw = false
    world.kusto.fate = () => ({ queueMs: hourMs / 2 })
    world.onRepair = () => assert.fail('repaired')
    void world.add('a')
    await world.run(1_000)
    world.onRead = corrupt
    await endsInTheTable(world, hourMs)
    assert.ok(world.events('batch.unsendable') > 0)
  })

  it('is kept as dead letters as far as it is whole when a part of it was ingested', async () => {
    const world = new World()
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_PARTIAL' })
    world.onRepair = () => 'repaired'
    void world.add('a')
    await world.run(1_000)
    world.onRead = corrupt
    await world.run(60_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual([...letteredBatches(world.letters)], ['repaired'])
    assert.equal(world.kusto.count('enqueue'), 1)
  })
})
