import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { NaiveLedger } from '../../fakes/naive-ledger.ts'
import { aBlock, aTarget, recordsOf } from '../../helpers/batches.ts'
import { startStore } from '../../helpers/journal.ts'
import { aMark, exactlyOnce } from '../../helpers/requests.ts'
import { createBatcher } from './a-batcher.ts'

const target = (table: string, batchSize = 1_000) =>
  aTarget({
    destination: { table },
    guarantee: 'exactly_once',
    settlement: exactlyOnce,
    limits: { batchSize },
  })

const recordsNamed = (name: string, count: number) =>
  aBlock(Array.from({ length: count }, (_, n) => `{"id":"${name}${n}"}`))

async function create() {
  const disk = new MemoryFileSystem()
  const ledger = new NaiveLedger()
  const { store } = await startStore(disk, { ledger })
  return { disk, ledger, ...createBatcher({ store, ledger }) }
}

async function allRecords(batches: readonly SealedBatch[]): Promise<string[]> {
  return (await Promise.all(batches.map(recordsOf))).flat().sort()
}

describe('Batcher with exactly_once', () => {
  it('acknowledges only what survives a loss of power: bytes and names', async () => {
    for (const operation of ['sync', 'syncDirectory'] as const) {
      const { disk, batcher, clock } = await create()
      const held = Promise.withResolvers<void>()
      disk.beforeOperation = (one) => (one === operation ? held.promise : undefined)
      let isAcknowledged = false
      const appended = batcher
        .append([{ target: target('T'), block: recordsNamed('a', 3) }], aMark(1))
        .then(() => (isAcknowledged = true))
      await clock.advanceAndSettle(10)
      assert.equal(isAcknowledged, false, `${operation} has not ended`)
      held.resolve()
      await appended
      const { store, batches } = await restart(disk.crash())
      assert.deepEqual(await allRecords(batches), ['{"id":"a0"}', '{"id":"a1"}', '{"id":"a2"}'])
      await store.close()
    }
  })

  it('shares one sync among requests that arrive during another', async () => {
    const { disk, batcher, clock } = await create()
    await batcher.append([{ target: target('T'), block: recordsNamed('first', 1) }], aMark(1))
    let syncs = 0
    const held = Promise.withResolvers<void>()
    disk.beforeOperation = (one) => {
      if (one !== 'sync') return undefined
      syncs += 1
      return syncs === 1 ? held.promise : undefined
    }
    const appends = Array.from({ length: 50 }, (_, n) =>
      batcher.append([{ target: target('T'), block: recordsNamed(`r${n}-`, 1) }], aMark(2 + n)),
    )
    await clock.advanceAndSettle(10)
    held.resolve()
    await Promise.all(appends)
    assert.ok(syncs <= 3, `${syncs} syncs`)
  })

  it('stores nothing of a request that is stored, and only what is missing of one that failed in part', async () => {
    const { disk, batcher, deliver, ledger } = await create()
    const parts = [
      { target: target('A', 10), block: recordsNamed('a', 25) },
      { target: target('B', 10), block: recordsNamed('b', 5) },
    ]
    // The second batch of table A cannot be made.
    let opened = 0
    disk.beforeOperation = (operation, path) => {
      if (operation === 'open' && path.includes('.A.')) opened += 1
      if (opened === 2 && operation === 'open' && path.includes('.A.')) throw new Error('planned')
    }
    await assert.rejects(batcher.append(parts, aMark(1)), { code: 'JOURNAL_WRITE_FAILED' })
    assert.equal(ledger.isStored(aMark(1).key), false)
    await batcher.append(parts, aMark(1))
    assert.equal(ledger.isStored(aMark(1).key), true)
    await batcher.append(parts, aMark(1))

    await batcher.drain()
    const expected = parts.flatMap(({ block }) => block.bytes.toString().trim().split('\n')).sort()
    assert.deepEqual(await allRecords(deliver.batches), expected)
  })

  it('lets a second arrival wait for the first, and stores the records once', async () => {
    const { batcher, deliver } = await create()
    const part = { target: target('T'), block: recordsNamed('a', 3) }
    await Promise.all([1, 2, 3].map(() => batcher.append([part], aMark(1))))
    await batcher.append([part], aMark(2))
    await batcher.drain()
    assert.equal(
      (await allRecords(deliver.batches)).length,
      6,
      'an equal body with another key is another request',
    )
  })

  it('stores the whole of a request that was stored in part before its process died', async () => {
    const { disk, batcher } = await create()
    const parts = [
      { target: target('A'), block: recordsNamed('a', 4) },
      { target: target('B'), block: recordsNamed('b', 4) },
    ]
    disk.fail({ operation: 'open', path: '.B.', code: 'EIO' })
    await assert.rejects(batcher.append(parts, aMark(1)))

    const second = await restart(disk.kill())
    const { batcher: again, deliver } = createBatcher({ store: second.store, ledger: second.ledger })
    await again.append(parts, aMark(1))
    await again.drain()

    const records = await allRecords([...second.batches, ...deliver.batches])
    assert.deepEqual(records, parts.flatMap(({ block }) => block.bytes.toString().trim().split('\n')).sort())
  })
})

async function restart(disk: MemoryFileSystem) {
  const ledger = new NaiveLedger()
  const { store } = await startStore(disk, { ledger })
  return { store, ledger, batches: await store.recover() }
}
