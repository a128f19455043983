import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../../../sidecar/core/errors.ts'
import { endsInTheTable, first, outcomes, replaced } from './expectations.ts'
import { World, staging } from './world.ts'

const hourMs = 3_600_000
const inPart = { ends: 'KUSTO_INGESTION_PARTIAL' } as const

describe('a batch that goes through a staging table', () => {
  it('is settled when its rows were moved, and not when they were ingested', async () => {
    const world = new World(staging)
    let isDown = true
    world.kusto.fault = (call) => (call === 'commit' && isDown ? { before: 'KUSTO_UNAVAILABLE' } : undefined)
    void world.add('a')
    await world.run(hourMs)
    assert.equal(world.kusto.staged.get('a'), 2)
    assert.equal(world.isSettled, false)
    assert.ok(world.events('batch.commit_failed') > 0)
    isDown = false
    await endsInTheTable(world, 120_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    assert.deepEqual(await outcomes(world), { ingested: 1 })
  })

  it('is moved once although the reply to the move was lost', async () => {
    const world = new World(staging)
    world.kusto.fault = (call) =>
      call === 'commit' && world.kusto.count('commit') < 3 ? { after: 'KUSTO_TIMEOUT' } : undefined
    void world.add('a')
    await endsInTheTable(world, 60_000)
    assert.equal(world.kusto.count('commit'), 3)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is moved when it is found although its status says nothing', async () => {
    const world = new World(staging)
    world.kusto.fate = () => ({ status: 'pending' })
    void world.add('a')
    await endsInTheTable(world, 130_000)
    assert.deepEqual(await outcomes(world), { found: 1 })
  })

  it('is sent again when only a part came, which is dropped and never seen', async () => {
    const world = new World(staging)
    world.kusto.fate = first(inPart)
    void world.add('a')
    await endsInTheTable(world, 60_000)
    assert.equal(world.sending('a')?.number, 1)
    assert.equal(world.events('batch.rows_discarded'), 1)
    assert.deepEqual(await replaced(world), { KUSTO_INGESTION_TRANSIENT: 1 })
    assert.equal(world.kusto.staged.size, 0)
  })

  it('withdraws the message whose part was dropped, before the next one', async () => {
    const world = new World(staging)
    world.kusto.fate = first(inPart)
    void world.add('a')
    await endsInTheTable(world, 60_000)
    const calls = world.kusto.calls.map((call) => call.split(' ')[0])
    assert.ok(calls.indexOf('withdraw') > calls.indexOf('commit'))
    assert.ok(calls.lastIndexOf('enqueue') > calls.indexOf('withdraw'))
    assert.equal(calls[calls.indexOf('withdraw') + 1], 'isIngested')
  })

  it('becomes dead letters, with nothing in the table, when the same part comes at each attempt', async () => {
    const world = new World(staging)
    world.kusto.fate = () => inPart
    void world.add('a')
    await world.run(hourMs)
    assert.equal(world.isSettled, true)
    assert.equal(world.kusto.count('enqueue'), 3)
    assert.equal(world.kusto.rows.size + world.kusto.staged.size, 0)
    assert.deepEqual(new Set(world.letters.map(({ code }) => code)), new Set(['KUSTO_INGESTION_PARTIAL']))
    assert.match(world.letters[0]?.reason ?? '', /1 rows of the 2 records/)
    assert.deepEqual(await outcomes(world), { partial: 1 })
  })

  it('comes once when two messages raced and both brought it', async () => {
    const world = new World(staging)
    // Without the right to take blobs away the second message goes out beside the first, which then comes too.
    world.kusto.mayWithdraw = false
    world.kusto.fate = first({ queueMs: hourMs, status: 'pending' })
    void world.add('a')
    await world.run(720_000, 1_000)
    for (let step = 0; step < 400 && world.kusto.messages.length < 2; step += 1) await world.run(1_000)
    assert.equal(world.kusto.messages.length, 2)
    for (const message of world.kusto.messages) world.kusto.begin(message, { ingestMs: 2_000 })
    await world.run(2_500)
    assert.equal(world.kusto.staged.get('a'), 4)
    world.kusto.fate = () => ({})
    await endsInTheTable(world, hourMs)
    assert.equal(world.events('batch.rows_discarded'), 1)
  })

  it('is sent again when its rows are said to be ingested and are nowhere', async () => {
    const world = new World(staging)
    const settle = world.add('a')
    await world.run(4_200)
    assert.equal(world.kusto.staged.delete('a'), true)
    await world.run(59_000)
    assert.equal(world.kusto.count('enqueue'), 1)
    await endsInTheTable(world, 90_000)
    await settle
    assert.deepEqual(await replaced(world), { KUSTO_MESSAGE_LOST: 1 })
  })

  it('takes an outage for no sign that its rows are gone', async () => {
    const world = new World(staging)
    let isDown = true
    world.kusto.fault = (call) => (call === 'commit' && isDown ? { before: 'KUSTO_UNAVAILABLE' } : undefined)
    void world.add('a')
    await world.run(hourMs)
    const rows = world.kusto.staged.get('a') ?? 0
    world.kusto.staged.delete('a')
    isDown = false
    const asked = world.kusto.count('commit')
    while (world.kusto.count('commit') === asked) await world.run(1_000)
    await world.run(5_000)
    assert.equal(world.kusto.count('withdraw'), 0)
    world.kusto.staged.set('a', rows)
    await endsInTheTable(world, hourMs / 4)
    assert.equal(world.kusto.count('enqueue'), 1)
  })

  it('is moved, with a warning, when Kusto said that the ingestion failed for good', async () => {
    const world = new World(staging)
    world.kusto.fate = () => ({ status: 'KUSTO_INGESTION_FAILED' })
    void world.add('a')
    await endsInTheTable(world, 60_000)
    assert.equal(
      world.logged.filter(({ event, level }) => event === 'batch.ingested' && level === 'warn').length,
      1,
    )
  })

  it('waits, and is sent by nobody, while the staging table is refused', async () => {
    const world = new World(staging)
    let isRefused = true
    const refused: ErrorCode = 'KUSTO_STAGING_REFUSED'
    world.kusto.fault = (call) => (call === 'upload' && isRefused ? { before: refused } : undefined)
    void world.add('a')
    await world.run(hourMs)
    assert.equal(world.kusto.count('enqueue'), 0)
    assert.equal(world.isSettled, false)
    isRefused = false
    await endsInTheTable(world, 120_000)
  })
})
