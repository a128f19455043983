import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import type { Fate, Message } from './fake-kusto.ts'
import { World, letteredBatches } from './world.ts'

const hourMs = 3_600_000

/** The first message fares like this, later ones as usual. */
const first = (fate: Partial<Fate>) => (message: Message) => (message.number === 0 ? fate : {})

async function outcomes(world: World): Promise<Record<string, number>> {
  const { values } = await world.metrics.deliveryConfirmations.get()
  return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]))
}

async function replaced(world: World): Promise<Record<string, number>> {
  const { values } = await world.metrics.deliveryReplacedMessages.get()
  return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))
}

/** Runs until the batch is settled, and says that it is in the table once. */
async function endsInTheTable(world: World, ms: number): Promise<void> {
  await world.run(ms)
  assert.equal(world.isSettled, true)
  assert.equal(world.kusto.rows.get('a'), 1)
  assert.deepEqual(world.letters, [])
}

describe('a batch for exactly once', () => {
  it('is settled when Kusto says that it is ingested, and not before', async () => {
    const world = new World()
    const settled = world.add('a')
    await world.run(3_000)
    assert.equal(world.isSettled, false)
    assert.equal((await world.metrics.deliveryAwaitingAnswer.get()).values[0]?.value, 1)
    await endsInTheTable(world, 12_000)
    await settled
    assert.deepEqual(await outcomes(world), { ingested: 1 })
    assert.equal((await world.metrics.deliveryAwaitingAnswer.get()).values[0]?.value, 0)
    assert.equal(world.events('batch.ingested'), 1)
  })

  it('has its message on record before the message is sent', async () => {
    const world = new World()
    void world.add('a')
    await endsInTheTable(world, 15_000)
    assert.deepEqual(world.journal, ['record a/0', 'enqueue a/0'])
  })

  it('sends nothing while the record cannot be written', async () => {
    const world = new World()
    world.onRecord = () => {
      throw new SidecarError('JOURNAL_FULL', 'full')
    }
    void world.add('a')
    await world.run(hourMs / 10)
    assert.equal(world.kusto.count('enqueue'), 0)
    world.onRecord = () => undefined
    await endsInTheTable(world, 120_000)
  })

  it('sends nothing before the record is written, however long that takes', async () => {
    const world = new World()
    const written = Promise.withResolvers<void>()
    world.onRecord = () => written.promise
    void world.add('a')
    await world.run(hourMs / 10)
    assert.equal(world.kusto.count('enqueue'), 0)
    written.resolve()
    await endsInTheTable(world, 15_000)
  })

  it('is tried again under the same number when the message was certainly not posted', async () => {
    const world = new World()
    let failures = 2
    world.kusto.fault = (call) =>
      call === 'enqueue' && failures-- > 0 ? { before: 'KUSTO_THROTTLED' } : undefined
    void world.add('a')
    await endsInTheTable(world, 30_000)
    assert.deepEqual(
      world.journal,
      ['record a/0', 'enqueue a/0', 'record a/0', 'enqueue a/0', 'record a/0', 'enqueue a/0'],
      'each attempt has its own time on record',
    )
    assert.deepEqual(await replaced(world), {})
  })

  it('is not sent again when the answer was lost and the message was posted', async () => {
    const world = new World()
    world.kusto.fault = (call) => (call === 'enqueue' ? { reply: 'unknown', isPosted: true } : undefined)
    void world.add('a')
    await endsInTheTable(world, 30_000)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is sent again after a long silence when the answer was lost and the message was not posted', async () => {
    const world = new World()
    world.kusto.fault = (call) =>
      call === 'enqueue' && world.kusto.count('enqueue') === 1
        ? { reply: 'unknown', isPosted: false }
        : undefined
    void world.add('a')
    await world.run(59_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    await endsInTheTable(world, 60_000)
    assert.equal(world.kusto.count('enqueue'), 2)
    assert.deepEqual(await replaced(world), { KUSTO_MESSAGE_LOST: 1 })
    assert.equal(world.events('batch.message_replaced'), 1)
  })

  it('is found by its tag when the row of its status was lost', async () => {
    const world = new World()
    world.kusto.fate = () => ({ status: 'pending' })
    void world.add('a')
    await endsInTheTable(world, 70_000)
    assert.deepEqual(await outcomes(world), { found: 1 })
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  for (const code of ['KUSTO_INGESTION_TRANSIENT', 'KUSTO_BLOB_LOST'] satisfies ErrorCode[]) {
    it(`is sent again under the next number when Kusto says ${code}`, async () => {
      const world = new World()
      world.kusto.fate = first({ ends: code })
      void world.add('a')
      await endsInTheTable(world, 60_000)
      assert.equal(world.sending('a')?.number, 1)
      assert.deepEqual(await replaced(world), { [code]: 1 })
    })
  }

  it('is sent again at once after a failure when blobs may not be deleted, since that message is over', async () => {
    const world = new World()
    world.kusto.mayWithdraw = false
    world.kusto.fate = first({ ends: 'KUSTO_INGESTION_TRANSIENT' })
    void world.add('a')
    await endsInTheTable(world, 45_000)
  })

  it('rests after max_attempts failures in a row, and goes on for ever', async () => {
    const world = new World()
    world.kusto.fate = ({ number }) => (number < 7 ? { ends: 'KUSTO_INGESTION_TRANSIENT' } : {})
    void world.add('a')
    await world.run(100_000)
    const sent = world.kusto.count('enqueue')
    assert.equal(sent, 3)
    await endsInTheTable(world, hourMs)
    assert.equal(world.sending('a')?.number, 7)
    assert.equal(world.events('batch.message_replaced'), 7)
  })

  it('is kept as dead letters when Kusto refused it for good', async () => {
    const world = new World()
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_FAILED' })
    void world.add('a')
    await world.run(15_000)
    assert.equal(world.isSettled, true)
    assert.deepEqual(
      world.letters.map(({ code, bytes }) => [code, bytes.toString()]),
      [['KUSTO_INGESTION_FAILED', '{"id":"a"}']],
    )
    assert.deepEqual(await outcomes(world), { failed: 1 })
    assert.equal(world.events('batch.ingestion_failed'), 1)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('counts as ingested when the status says failed and the table has it', async () => {
    const world = new World()
    world.kusto.fate = () => ({ status: 'KUSTO_INGESTION_FAILED' })
    void world.add('a')
    await endsInTheTable(world, 15_000)
    assert.deepEqual(
      world.logged.filter(({ event }) => event === 'batch.ingested').map(({ level }) => level),
      ['warn'],
    )
  })

  it('is kept as dead letters, loudly, and never sent again when a part of it was ingested', async () => {
    const world = new World()
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_PARTIAL' })
    void world.add('a')
    await world.run(hourMs)
    assert.deepEqual([...letteredBatches(world.letters)], ['a'])
    assert.deepEqual(await outcomes(world), { partial: 1 })
    assert.equal(world.kusto.count('enqueue'), 1)
    const [line] = world.logged.filter(({ event }) => event === 'batch.ingestion_failed')
    assert.equal(line?.level, 'error')
    assert.match(JSON.stringify(line), /KUSTO_INGESTION_PARTIAL.*duplicate that part/)
  })

  it('goes by the status alone when the table may not be asked', async () => {
    const world = new World()
    world.kusto.mayAskTheTable = false
    world.kusto.fate = first({ ends: 'lost' })
    void world.add('a')
    await endsInTheTable(world, 120_000)
    world.kusto.fate = () => ({ ends: 'KUSTO_INGESTION_FAILED' })
    void world.add('b')
    await world.run(15_000)
    assert.deepEqual([...letteredBatches(world.letters)], ['b'])
  })

  it('waits while Kusto is away, asks again, and is not sent again for that', async () => {
    const world = new World()
    world.kusto.fate = () => ({ queueMs: hourMs + 20_000 })
    void world.add('a')
    await world.run(2_000)
    world.kusto.fault = () => ({ before: 'KUSTO_UNAVAILABLE' })
    await world.run(hourMs)
    assert.ok(world.kusto.count('statusOf') >= 50, `asked ${world.kusto.count('statusOf')} times`)
    assert.ok(world.events('batch.question_failed') <= 61)
    world.kusto.fault = () => undefined
    await endsInTheTable(world, 100_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    assert.equal(world.kusto.count('withdraw'), 0)
  })

  for (const call of ['isIngested', 'withdraw'] as const) {
    it(`sends nothing while ${call} fails`, async () => {
      const world = new World()
      world.kusto.fate = first({ ends: 'lost' })
      world.kusto.fault = (one) => (one === call ? { before: 'KUSTO_THROTTLED' } : undefined)
      void world.add('a')
      await world.run(hourMs)
      assert.equal(world.kusto.count('enqueue'), 1)
      assert.ok(world.kusto.count(call) > 10)
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

  it('holds no place of those that upload while it waits for an answer', async () => {
    const world = new World()
    world.kusto.fate = () => ({ queueMs: 30_000 })
    for (let n = 0; n < 50; n += 1) void world.add(`b${n}`)
    await world.run(5_000)
    assert.equal(world.kusto.count('enqueue'), 50)
    await world.run(120_000)
    assert.equal(world.isSettled, true)
  })

  it('asks and sends nothing after stop', async () => {
    const world = new World()
    void world.add('a')
    await world.run(1_000)
    world.delivery.stop()
    await world.run(hourMs / 10)
    assert.equal(world.kusto.count('statusOf'), 0)
    assert.equal(world.delivery.unsettledCount, 1)
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
