import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkpointColumns } from '../../../sidecar/core/checkpoint-columns.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { isCheckpointBatch } from '../../../sidecar/core/batch-id.ts'
import { waitFor } from '../../helpers/wait.ts'
import { World, settlements } from './world.ts'

async function aWorld(change: (world: World) => void = () => undefined): Promise<World> {
  const world = new World()
  change(world)
  await world.start()
  return world
}

const outcomes = (world: World) => world.rows.map(({ sequence, outcome }) => [sequence, outcome])

describe('the row of a batch', () => {
  it('says who wrote it, where it went, how it ended, what it held and when', async () => {
    const world = await aWorld()
    const startMs = world.clock.now()
    await world.run(1_500)
    await world.batch(['{"n":1}', '{"n":2}'], settlements.exactlyOnce)
    await world.run(5_000)
    const [row] = world.rows
    assert.ok(row !== undefined)
    assert.deepEqual(
      Object.keys(row),
      checkpointColumns.map(([name]) => name),
    )
    const { writer, nonce, blob_bytes: blobBytes, settled_at: settledAt, ...rest } = row
    assert.match(String(writer), /^[0-9a-f]{16}$/)
    assert.match(String(nonce), /^[0-9a-f]{8}$/)
    assert.ok(Number(blobBytes) > 20)
    assert.ok(Date.parse(String(settledAt)) > startMs + 1_500)
    const id = `${writer}:1.${nonce}:0`
    const receivedAt = new Date(startMs + 1_500).toISOString()
    assert.deepEqual(rest, {
      epoch: 1,
      sequence: 0,
      batch_id: id,
      database: 'Logs',
      table: 'App',
      outcome: 'ingested',
      records: 2,
      raw_bytes: 16,
      first_received_at: receivedAt,
      last_received_at: receivedAt,
      blob: `https://account/container/${id}-0`,
    })
  })

  it('says queued when nobody asks how the ingestion ends', async () => {
    const world = await aWorld()
    await world.batch(['{"n":1}'])
    await world.run(3_000)
    assert.deepEqual(outcomes(world), [[0, 'queued']])
  })

  it('says ingested when Kusto says so, and unconfirmed when it says nothing', async () => {
    const world = await aWorld((one) => {
      one.status = ({ recordCount }) =>
        recordCount === 1 ? { kind: 'ingested', isRepeat: false } : { kind: 'pending' }
    })
    await world.batch(['{"n":1}'], settlements.polled)
    await world.batch(['{"n":2}', '{"n":3}'], settlements.polled)
    await world.run(15_000)
    assert.deepEqual(outcomes(world), [
      [0, 'ingested'],
      [1, 'unconfirmed'],
    ])
  })

  it('says dead_letter, without a blob when none was sent', async () => {
    const world = await aWorld((one) => {
      one.refuses = ({ destination }) => (destination.table === 'App' ? 'KUSTO_BLOB_REFUSED' : undefined)
    })
    await world.batch(['{"n":1}'])
    await waitFor('the row', async () => {
      await world.run(1_000)
      return world.rows.length > 0
    })
    assert.deepEqual(world.deadLetters, ['{"n":1}'])
    assert.deepEqual(outcomes(world), [[0, 'dead_letter']])
    assert.deepEqual([world.rows[0]?.['records'], world.rows[0]?.['blob']], [1, null])
  })

  it('says dead_letter with the blob of the message whose ingestion failed', async () => {
    const error = new SidecarError('KUSTO_INGESTION_FAILED', 'no')
    const world = await aWorld((one) => {
      one.status = () => ({ kind: 'failed', error })
    })
    await world.batch(['{"n":1}'], settlements.polled)
    await waitFor('the row', async () => {
      await world.run(1_000)
      return world.rows.length > 0
    })
    assert.deepEqual(outcomes(world), [[0, 'dead_letter']])
    assert.match(String(world.rows[0]?.['blob']), /-0$/)
  })

  it('says void when the batch never held a record', async () => {
    const world = await aWorld()
    world.disk.beforeOperation = (operation, path) => {
      if (operation === 'write' && path.includes('App') && world.disk.contentOf(path).length > 0)
        throw new Error('EIO')
    }
    await assert.rejects(world.batch(['{"n":1}']))
    world.disk.beforeOperation = undefined
    await world.run(31_000)
    await world.batch(['{"n":3}'])
    await world.run(3_000)
    assert.deepEqual(outcomes(world), [
      [0, 'void'],
      [1, 'queued'],
    ])
    assert.equal(world.rows[0]?.['records'], 0)
    assert.deepEqual(world.batchFiles, [])
  })

  it('says void when, without a journal, the senders are told to send again', async () => {
    const world = await aWorld((one) => {
      one.isInMemory = true
      one.refuses = ({ destination }) => (destination.table === 'App' ? 'KUSTO_THROTTLED' : undefined)
    })
    const failed = assert.rejects(world.batch(['{"n":1}']), { code: 'DELIVERY_ATTEMPTS_EXHAUSTED' })
    await world.run(5_000)
    await failed
    assert.deepEqual(outcomes(world), [[0, 'void']])
    assert.deepEqual([world.rows[0]?.['records'], world.rows[0]?.['nonce']], [0, null])
  })

  it('does not keep senders waiting for it when there is no journal', async () => {
    const world = await aWorld((one) => {
      one.isInMemory = true
      one.refuses = ({ destination }) => (destination.table === 'App' ? undefined : 'KUSTO_UNAVAILABLE')
    })
    await world.batch(['{"n":1}'])
    assert.deepEqual(world.table('App'), ['{"n":1}'])
  })
})

describe('the numbers of batches', () => {
  it('are given again when the disk refused to make the file', async () => {
    const world = await aWorld()
    world.disk.fail({ operation: 'open', path: 'App', code: 'ENOSPC', times: 3 })
    for (let n = 0; n < 3; n += 1) await assert.rejects(world.batch(['{"n":0}']))
    world.disk.fail({ operation: 'write', path: 'App' })
    await assert.rejects(world.batch(['{"n":0}']))
    await world.batch(['{"n":1}'])
    await world.run(3_000)
    assert.deepEqual(outcomes(world), [[0, 'queued']])
  })

  it('are given again when the journal is full', async () => {
    const world = await aWorld((one) => {
      one.maxDiskBytes = 2_000
      one.isKustoAway = true
    })
    for (let n = 0; n < 3; n += 1) await world.batch([`{"n":${n}}`])
    await assert.rejects(world.batch(['{"n":3}']), { code: 'JOURNAL_FULL' })
    world.isKustoAway = false
    await world.run(5_000)
    await world.batch(['{"n":4}'])
    await world.run(5_000)
    assert.deepEqual(outcomes(world).sort(), [
      [0, 'queued'],
      [1, 'queued'],
      [2, 'queued'],
      [3, 'queued'],
    ])
  })
})

describe('the batches of rows', () => {
  it('are followed and synced as the batch was that the row is about', async () => {
    const world = await aWorld()
    const found: SealedBatch[] = []
    world.refuses = (batch) => void (isCheckpointBatch(batch.id) && found.push(batch))
    const syncs: string[] = []
    world.disk.beforeOperation = (operation, path) => {
      if (path.includes('Checkpoints')) syncs.push(operation)
    }
    for (const settlement of [settlements.queued, settlements.exactlyOnce]) {
      syncs.length = 0
      await world.batch(['{"n":1}'], settlement)
      const files = () => world.batchFiles.length
      while (files() > 0) await world.run(10)
      assert.equal(syncs.includes('sync'), settlement.isExactlyOnce)
      await world.run(5_000)
      assert.equal(found.at(-1)?.settlement.isExactlyOnce, settlement.isExactlyOnce)
      // In place, also when records are committed through a staging table.
      assert.equal(found.at(-1)?.settlement.stagingTableSuffix, undefined)
    }
  })

  it('have no rows, and leave no holes in the sequences', async () => {
    const world = await aWorld()
    const uploaded: string[] = []
    world.refuses = ({ id }) => void uploaded.push(id)
    for (let n = 0; n < 5; n += 1) {
      await world.batch([`{"n":${n}}`], n % 2 === 0 ? settlements.exactlyOnce : settlements.queued)
      await world.run(5_000)
    }
    assert.deepEqual(
      world.rows.map(({ sequence }) => sequence),
      [0, 1, 2, 3, 4],
    )
    assert.ok(uploaded.filter(isCheckpointBatch).length >= 5)
    await world.run(60_000)
    assert.equal(world.rows.length, 5)
    assert.deepEqual([...world.batchFiles, ...world.checkpointFiles], [])
  })

  it('have rows when others than the sidecar wrote them', async () => {
    const world = await aWorld()
    await world.batch(['{"batch_id":"forged"}'], settlements.queued, 'Checkpoints')
    await world.run(3_000)
    assert.deepEqual(
      world.rows.map(({ sequence }) => sequence),
      [undefined, 0],
    )
  })
})
