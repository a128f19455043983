import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aBlock, aTarget } from '../../helpers/batches.ts'
import type { Row } from './world.ts'
import { World, directory, settlements } from './world.ts'

async function aWorld(change: (world: World) => void = () => undefined): Promise<World> {
  const world = new World()
  change(world)
  await world.start()
  return world
}

const sequencesOf = (rows: readonly Row[]) => rows.map(({ sequence }) => sequence).sort((a, b) => a - b)

/** Holds the removal of files back for ever, as a process that dies just before. */
function holdRemovals(world: World): void {
  const isOfBatch = /(?:App)\.(?:open|batch)$/
  world.disk.beforeOperation = (operation, path) =>
    operation === 'remove' && isOfBatch.test(path) ? new Promise<void>(() => undefined) : undefined
}

describe('a death between row and removal', () => {
  it('makes the row of a remembered batch once', async () => {
    const world = await aWorld()
    holdRemovals(world)
    await world.batch(['{"n":1}'], settlements.exactlyOnce)
    await world.run(2_000)
    assert.equal(world.batchFiles.length, 1)
    await world.die()
    await world.run(20_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.deepEqual([...world.batchFiles, ...world.checkpointFiles], [])
  })

  it('makes a second row of the same batch when nothing is remembered', async () => {
    const world = await aWorld((one) => {
      one.hasLedger = false
    })
    holdRemovals(world)
    await world.batch(['{"n":1}'])
    await world.run(2_000)
    await world.die()
    await world.run(20_000)
    assert.equal(world.rows.length, 2)
    assert.equal(new Set(world.rows.map(({ batch_id: id }) => id)).size, 1)
  })

  it('leaves the row in the journal when Kusto does not take it before', async () => {
    const world = await aWorld()
    world.refuses = ({ destination }) => (destination.table === 'App' ? undefined : 'KUSTO_UNAVAILABLE')
    await world.batch(['{"n":1}'], settlements.exactlyOnce)
    await world.run(10_000)
    assert.deepEqual(world.batchFiles, [])
    world.refuses = () => undefined
    await world.die()
    await world.run(20_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
  })

  it('at each call to the file system leaves each batch with one row', async () => {
    for (let call = 1; call < 60; call += 1) {
      const world = await aWorld()
      let calls = 0
      world.disk.beforeOperation = () => {
        calls += 1
        return calls >= call ? new Promise<void>(() => undefined) : undefined
      }
      void world.batch(['{"n":1}'], settlements.exactlyOnce).catch(() => undefined)
      await world.run(5_000)
      await world.die()
      await world.batch(['{"n":2}'], settlements.exactlyOnce)
      await world.run(60_000)
      const byEpoch = Map.groupBy(world.rows, ({ epoch }) => epoch)
      for (const [epoch, rows] of byEpoch)
        assert.deepEqual(
          sequencesOf(rows),
          rows.map((_, index) => index),
          `epoch ${epoch} after call ${call}`,
        )
      const counted = world.rows.reduce((sum, { records }) => sum + Number(records), 0)
      assert.equal(counted, world.table('App').length, `records after call ${call}`)
      assert.deepEqual([...world.batchFiles, ...world.checkpointFiles], [], `journal after call ${call}`)
    }
  })
})

describe('a full journal', () => {
  it('is emptied, with all rows', async () => {
    const world = await aWorld((one) => {
      one.maxDiskBytes = 40_000
      one.isKustoAway = true
    })
    let taken = 0
    for (; taken < 1_000; taken += 1) {
      const isFull = await world.batch([`{"n":${taken}}`], settlements.exactlyOnce).then(
        () => false,
        ({ code }: { code: string }) => code === 'JOURNAL_FULL',
      )
      if (isFull) break
    }
    assert.ok(taken > 2 && taken < 1_000)
    world.isKustoAway = false
    await world.run(20_000)
    assert.equal(world.table('App').length, taken)
    assert.deepEqual(
      sequencesOf(world.rows),
      Array.from({ length: taken }, (_, index) => index),
    )
    assert.equal(await world.rowsLost(), 0)
    assert.deepEqual([...world.batchFiles, ...world.checkpointFiles], [])
  })
})

describe('a limit of destinations', () => {
  it('does not keep rows out', async () => {
    const world = await aWorld((one) => {
      one.maxDestinations = 2
      one.isKustoAway = true
    })
    await world.batch(['{"n":1}'])
    for (const table of ['Open1', 'Open2'])
      await world.batcher?.append([{ target: aTarget({ destination: { table } }), block: aBlock(['{}']) }])
    world.isKustoAway = false
    await world.run(5_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.equal(await world.rowsLost(), 0)
  })
})

describe('a disk that refuses rows', () => {
  it('gets another try', async () => {
    const world = await aWorld()
    world.disk.fail({ operation: 'open', path: 'Checkpoints', code: 'ENOSPC', times: 2 })
    await world.batch(['{"n":1}'])
    await world.run(10_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.equal(await world.rowsLost(), 0)
  })

  it('does not keep batches from being removed, and that is told', async () => {
    const world = await aWorld()
    world.disk.fail({ operation: 'open', path: 'Checkpoints', code: 'ENOSPC', times: 1_000 })
    await world.batch(['{"n":1}'])
    await world.batch(['{"n":2}'], settlements.exactlyOnce)
    await world.run(10_000)
    assert.deepEqual(world.batchFiles, [])
    assert.equal(await world.rowsLost(), 2)
    const lost = world.logged.filter(({ event }) => event === 'checkpoint.row_lost')
    assert.equal(lost.length, 2)
    assert.match(lost[0]?.msg ?? '', /The row was: \{"writer":/)
  })

  it('keeps the batch when the process stops meanwhile', async () => {
    const world = await aWorld()
    world.disk.fail({ operation: 'open', path: 'Checkpoints', code: 'ENOSPC', times: 1 })
    await world.batch(['{"n":1}'], settlements.exactlyOnce)
    await world.run(1_100)
    const closing = world.checkpoints?.close()
    world.delivery?.stop()
    await world.run(10_000)
    await closing
    assert.equal(world.batchFiles.length, 1)
    assert.equal(await world.rowsLost(), 0)
    await world.die()
    await world.run(20_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.deepEqual(world.batchFiles, [])
  })
})

describe('what a start finds', () => {
  it('empty, has a row before its file goes', async () => {
    const world = await aWorld()
    world.disk.beforeOperation = (operation, path) =>
      operation === 'write' && path.includes('App') && world.disk.contentOf(path).length > 0
        ? new Promise<void>(() => undefined)
        : undefined
    void world.batch(['{"n":1}'], settlements.exactlyOnce)
    await world.run(0)
    await world.die()
    await world.run(5_000)
    assert.deepEqual(
      world.rows.map(({ sequence, outcome, records, nonce }) => [sequence, outcome, records, nonce !== null]),
      [[0, 'void', 0, true]],
    )
    assert.deepEqual(world.batchFiles, [])
  })

  it('empty, is found again when the process dies before the row is written', async () => {
    const world = await aWorld()
    world.disk.place(`${directory}/00000001-0000000000.Logs.App.open`, 'KSBA')
    const never = () => new Promise<void>(() => undefined)
    world.disk = world.disk.kill()
    world.disk.beforeOperation = (operation, path) =>
      operation === 'open' && path.includes('Checkpoints') ? never() : undefined
    await world.start()
    await world.run(1_000)
    assert.equal(world.batchFiles.length, 1)
    await world.die()
    await world.run(5_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.deepEqual(world.batchFiles, [])
  })

  it('with less than a header, has a row by the name of its file', async () => {
    const world = await aWorld()
    await world.batch(['{"n":1}'])
    await world.run(3_000)
    world.disk.place(`${directory}/00000001-0000000001.Logs.App.open`, 'KSBA')
    await world.die()
    await world.run(3_000)
    assert.deepEqual(
      world.rows.map(({ epoch, sequence, outcome, nonce }) => [epoch, sequence, outcome, nonce === null]),
      [
        [1, 0, 'queued', false],
        [1, 1, 'void', true],
      ],
    )
    assert.deepEqual(world.batchFiles, [])
  })

  it('with less than a header, has a row that comes once where batches do', async () => {
    const world = await aWorld((one) => {
      one.settlement = settlements.exactlyOnce
    })
    world.disk.place(`${directory}/00000001-0000000000.Logs.App.open`, 'KSBA')
    const found: boolean[] = []
    world.refuses = (batch) => void found.push(batch.settlement.isExactlyOnce)
    await world.die()
    await world.run(5_000)
    assert.deepEqual(sequencesOf(world.rows), [0])
    assert.deepEqual([...new Set(found)], [true])
  })

  it('damaged, has a row as void, beside that of the batch with what was whole', async () => {
    const world = await aWorld((one) => {
      one.isKustoAway = true
    })
    const target = ['{"n":1}', '{"n":2}', '{"n":3}']
    await world.batch(target, settlements.exactlyOnce)
    await world.run(0)
    const [path] = world.batchFiles
    assert.ok(path !== undefined)
    const damaged = Buffer.concat([world.disk.contentOf(path), Buffer.from('rubbish')])
    world.disk.place(path, damaged)
    world.isKustoAway = false
    await world.die()
    await world.run(20_000)
    assert.deepEqual(
      world.rows
        .map(({ epoch, sequence, outcome, records }) => [epoch, sequence, outcome, records])
        .sort(([a], [b]) => Number(a) - Number(b)),
      [
        [1, 0, 'void', null],
        [2, 0, 'ingested', 3],
      ],
    )
    assert.deepEqual(world.table('App'), target)
  })

  it('damaged as a whole, has a row as void', async () => {
    const world = await aWorld((one) => {
      one.isKustoAway = true
    })
    await world.batch(['{"n":1}'])
    const [path] = world.batchFiles
    assert.ok(path !== undefined)
    const content = world.disk.contentOf(path)
    world.disk.place(path, content.fill(7, content.indexOf('FRM1')))
    world.isKustoAway = false
    await world.die()
    await world.run(20_000)
    assert.deepEqual(
      world.rows.map(({ epoch, sequence, outcome, records }) => [epoch, sequence, outcome, records]).sort(),
      [
        [1, 0, 'void', null],
        [2, 0, 'void', 0],
      ],
    )
  })

  it('in a directory that is a copy, is told of under its own ids only', async () => {
    const original = await aWorld((one) => {
      one.isKustoAway = true
    })
    const target = aTarget({ limits: { batchSize: 10 } })
    await original.batcher?.append([{ target, block: aBlock(['{"n":1}']) }])
    original.disk.place(`${directory}/00000001-0000000007.Logs.App.open`, 'KSBA')
    const copy = new World(2)
    for (const path of original.disk.paths()) copy.disk.place(path, original.disk.contentOf(path))
    await copy.start()
    await copy.run(10_000)
    assert.deepEqual(copy.table('App'), ['{"n":1}'])
    assert.deepEqual(
      copy.rows.map(({ epoch, sequence, outcome }) => [epoch, sequence, outcome]),
      [[2, 0, 'queued']],
    )
    assert.deepEqual(copy.batchFiles, [])
  })
})
