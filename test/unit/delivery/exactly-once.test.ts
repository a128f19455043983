import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import { endsInTheTable, first, letteredBatches, outcomes, replaced } from './expectations.ts'
import { World, exactlyOnce } from './world.ts'

const hourMs = 3_600_000

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
    const world = new World({ ...exactlyOnce, pollTimeoutMs: 120_000 })
    // Asked again in vain before it comes: after an hour without answers, one answer is no silence of an hour.
    world.kusto.fate = () => ({ queueMs: hourMs + 80_000 })
    void world.add('a')
    await world.run(2_000)
    world.kusto.fault = () => ({ before: 'KUSTO_UNAVAILABLE' })
    await world.run(hourMs)
    assert.ok(world.kusto.count('statusOf') >= 50, `asked ${world.kusto.count('statusOf')} times`)
    assert.ok(world.events('batch.question_failed') <= 61)
    world.kusto.fault = () => undefined
    await endsInTheTable(world, 160_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    assert.equal(world.kusto.count('withdraw'), 0)
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

  it('is asked for at growing intervals, up to a minute', async () => {
    const world = new World({ ...exactlyOnce, pollTimeoutMs: 2 * hourMs })
    world.kusto.fate = () => ({ queueMs: 2 * hourMs })
    void world.add('a')
    await world.run(60_000)
    const asked = world.kusto.count('statusOf')
    assert.ok(asked >= 3 && asked <= 6, `${asked} times in the first minute`)
    await world.run(hourMs)
    const more = world.kusto.count('statusOf') - asked
    assert.ok(more >= 50 && more <= 75, `${more} times in an hour`)
  })

  it('is never given back to its senders, since a message may be under way', async () => {
    const world = new World()
    world.kusto.fault = (call) => (call === 'enqueue' ? { before: 'KUSTO_THROTTLED' } : undefined)
    const settled = world.add('a', { keepExhausted: false })
    await world.run(hourMs / 4)
    world.kusto.fault = () => undefined
    await endsInTheTable(world, 120_000)
    await settled
  })

  it('records and sends nothing after stop, not even what was being uploaded', async () => {
    const world = new World()
    world.kusto.fault = () => {
      world.delivery.stop()
      return undefined
    }
    void world.add('a')
    await world.run(60_000)
    assert.equal(world.kusto.count('upload'), 1)
    assert.deepEqual(world.journal, [])
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
