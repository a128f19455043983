import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Store } from '../../../sidecar/local-kusto/engine/store.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const columns = [{ name: 's', type: 'string' }] as const
const properties = { tags: ['ingest-by:1'], rawBytes: 1, createdTicks: 0n }

describe('Store', () => {
  it('shows the rows of an extent when it is committed, and not before', () => {
    const store = new Store(undefined)
    const table = store.catalog.create('NetDefaultDB', 'T', columns)
    const extent = store.beginExtent(table)
    extent.append([['a'], ['b']])

    assert.deepEqual([...store.scan(table)], [])
    assert.equal(store.rowCount(table), 0n)
    assert.equal(store.hasTag(table, 'ingest-by:1'), false)

    extent.commit(properties)

    assert.deepEqual([...store.scan(table)], [['a'], ['b']])
    assert.equal(store.rowCount(table), 2n)
    assert.equal(store.hasTag(table, 'ingest-by:1'), true)
    assert.equal(store.hasTag(table, 'ingest-by'), false)
  })

  it('forgets an extent that was abandoned', () => {
    const store = new Store(undefined)
    const table = store.catalog.create('NetDefaultDB', 'T', columns)
    const [abandoned, kept] = [store.beginExtent(table), store.beginExtent(table)]
    abandoned.append([['a']])
    kept.append([['b']])

    abandoned.abandon()
    kept.commit(properties)

    assert.deepEqual([...store.scan(table)], [['b']])
    assert.equal(store.extents(table).length, 1)
  })

  it('has after a restart what was committed, and nothing of an extent that was not', async (t) => {
    const directory = await temporaryDirectory(t)
    const first = new Store(directory)
    const table = first.catalog.create('NetDefaultDB', 'T', columns)
    const [committed, unfinished] = [first.beginExtent(table), first.beginExtent(table)]
    committed.append([['\u0000😀']])
    unfinished.append([['lost']])
    committed.commit(properties)
    const token = first.setting('token', () => 'first')
    first.close()

    const second = new Store(directory)
    t.after(() => {
      second.close()
    })

    const again = second.catalog.get('NetDefaultDB', 'T')
    assert.deepEqual([...second.scan(again)], [['\u0000😀']])
    assert.equal(
      second.setting('token', () => 'second'),
      token,
    )
    const later = second.beginExtent(again)
    later.append([['later']])
    later.commit(properties)
    assert.deepEqual([...second.scan(again)], [['\u0000😀'], ['later']])
  })

  it('does not open a directory that another one has', async (t) => {
    const directory = await temporaryDirectory(t)
    const first = new Store(directory)
    t.after(() => {
      first.close()
    })

    assert.throws(() => new Store(directory), /Another local Kusto uses/)
  })
})
