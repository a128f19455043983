import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aLedger, aSlice, keyOf, windowMs } from './a-ledger.ts'

const range = (firstRecord: number, recordCount: number) => ({ firstRecord, recordCount })

describe('MemoryLedger', () => {
  it('takes a request for stored when every record of every part is', async () => {
    const { ledger } = await aLedger()
    const [first, second] = [aSlice('a', { partCount: 2 }), aSlice('a', { partCount: 2, part: 1 })]
    ledger.store([first])
    assert.equal(ledger.isStored(first.key), false)
    assert.deepEqual(ledger.missing(first, first), [])
    assert.deepEqual(ledger.missing(second, second), [range(0, 3)])
    ledger.store([{ ...second, ...range(1, 2) }])
    assert.equal(ledger.isStored(first.key), false)
    ledger.store([{ ...second, ...range(0, 1) }])
    assert.equal(ledger.isStored(first.key), true)
  })

  it('tells the gaps between the records that are stored, in order', async () => {
    const { ledger } = await aLedger()
    const slice = aSlice('a', { partRecords: 10 })
    for (const [first, count] of [
      [6, 2],
      [1, 2],
      [2, 2],
    ] as const) {
      ledger.store([{ ...slice, ...range(first, count) }])
    }
    assert.deepEqual(ledger.missing(slice, slice), [range(0, 1), range(4, 2), range(8, 2)])
  })

  it('counts nothing of what was stored under another configuration, unless it was the whole request', async () => {
    const { ledger } = await aLedger()
    const part = aSlice('a', { ...range(0, 2) })
    ledger.store([part])
    const changed = { ...part, fingerprint: 2 }
    assert.deepEqual(ledger.missing(changed, changed), [range(0, 3)])
    ledger.store([{ ...changed, ...range(2, 1) }])
    assert.equal(ledger.isStored(part.key), false, 'the third record of another cut is another record')
    ledger.store([{ ...part, ...range(2, 1) }])
    assert.deepEqual(ledger.missing(changed, changed), [])
    assert.deepEqual(ledger.missing({ ...changed, fingerprint: 3 }, changed), [])
  })

  it('forgets a request that is stored, and nothing of one that is stored in part', async () => {
    const { ledger } = await aLedger()
    const [whole, partly] = [aSlice('whole'), aSlice('partly', range(0, 1))]
    ledger.store([whole, partly])
    ledger.forget(whole.key)
    ledger.forget(partly.key)
    ledger.forget(keyOf('unknown'))
    assert.equal(ledger.isStored(whole.key), false)
    assert.deepEqual(ledger.missing(whole, whole), [range(0, 3)])
    assert.deepEqual(ledger.missing(partly, partly), [range(1, 2)])
    assert.deepEqual([ledger.isLive(whole), ledger.isLive(partly)], [false, true])
  })

  it('forgets after the window, and nothing makes a stored request younger', async () => {
    const { ledger, clock, evictedCount } = await aLedger()
    const [whole, partly] = [aSlice('whole'), aSlice('partly', range(0, 1))]
    ledger.store([whole, partly])
    clock.advance(windowMs - 100)
    assert.equal(ledger.isStored(whole.key), true)
    ledger.store([whole, { ...partly, ...range(1, 1) }])
    clock.advance(100)
    assert.equal(ledger.isStored(whole.key), false)
    assert.deepEqual(ledger.missing(partly, partly), [range(2, 1)], 'it was worked on since')
    clock.advance(windowMs - 100)
    assert.equal(ledger.isLive(partly), false)
    assert.equal(await evictedCount(), 0, 'that was their time')
  })

  it('forgets the oldest above its limit, and says so seldom', async () => {
    const { ledger, clock, logLines, evictedCount, rememberedCount } = await aLedger({ maxKeys: 3 })
    const names = ['a', 'b', 'c', 'd', 'e']
    ledger.store([aSlice('partly', { partRecords: 9, ...range(0, 1) })])
    for (const name of names) {
      clock.advance(100)
      ledger.store([aSlice(name)])
    }
    assert.deepEqual(
      ['partly', ...names].filter((name) => ledger.isLive(aSlice(name))),
      ['c', 'd', 'e'],
    )
    assert.deepEqual([await evictedCount(), await rememberedCount()], [3, 3])
    assert.equal(logLines.length, 1)
    assert.match(logLines[0] ?? '', /"event":"ledger\.evicted"/)
  })

  it('counts a request that is stored in pieces as often as it has pieces', async () => {
    const { ledger, evictedCount } = await aLedger({ maxKeys: 4 })
    const pieces = [0, 2, 4, 6].map((first) => aSlice('partly', { partRecords: 9, ...range(first, 1) }))
    ledger.store([aSlice('a'), ...pieces])
    assert.deepEqual([ledger.isStored(keyOf('a')), await evictedCount()], [false, 1])
    ledger.store([aSlice('partly', { partRecords: 9, ...range(0, 7) }), aSlice('b'), aSlice('c')])
    assert.deepEqual(
      [ledger.isStored(keyOf('b')), ledger.isStored(keyOf('c')), await evictedCount()],
      [true, true, 1],
    )
  })
})

describe('MemoryLedger after a restart', () => {
  it('knows what the journal holds, however it is told, and as if it were new', async () => {
    const { ledger, clock } = await aLedger()
    clock.advance(10 * windowMs)
    const slices = [
      aSlice('a', range(2, 1)),
      aSlice('b'),
      aSlice('a', range(0, 2)),
      aSlice('b'),
      aSlice('c', range(1, 1)),
    ]
    ledger.restore(slices)
    assert.deepEqual([ledger.isStored(keyOf('a')), ledger.isStored(keyOf('b'))], [true, true])
    assert.deepEqual(ledger.missing(aSlice('c'), aSlice('c')), [range(0, 1), range(2, 1)])
    clock.advance(windowMs - 100)
    assert.equal(ledger.isStored(keyOf('a')), true)
  })

  it('remembers only the last request of a connection whose senders read their answers', async () => {
    const { ledger } = await aLedger()
    ledger.restore([
      aSlice('c-3', { connection: 'c', requestNumber: 3 }),
      aSlice('c-1', { connection: 'c', requestNumber: 1 }),
      aSlice('c-2', { connection: 'c', requestNumber: 2 }),
      aSlice('d-1', { connection: 'd', requestNumber: 1 }),
      aSlice('none-1', { requestNumber: 1 }),
      aSlice('none-2', { requestNumber: 2 }),
    ])
    const names = ['c-1', 'c-2', 'c-3', 'd-1', 'none-1', 'none-2']
    assert.deepEqual(
      names.filter((name) => ledger.isStored(keyOf(name))),
      ['c-3', 'd-1', 'none-1', 'none-2'],
    )
  })

  it('takes an answer for read also when the request after it is stored in part', async () => {
    const { ledger } = await aLedger()
    const last = aSlice('last', { connection: 'c', requestNumber: 2, ...range(0, 1) })
    ledger.restore([last, aSlice('before', { connection: 'c', requestNumber: 1 })])
    assert.equal(ledger.isStored(keyOf('before')), false)
    assert.deepEqual(ledger.missing(last, last), [range(1, 2)])
  })

  it('never counts what an equal body before has stored for the last one', async () => {
    const { ledger } = await aLedger()
    const last = aSlice('heartbeat', { connection: 'c', requestNumber: 7, ...range(0, 1) })
    ledger.restore([aSlice('heartbeat', { connection: 'c', requestNumber: 5 }), last])
    assert.equal(ledger.isStored(last.key), false)
    assert.deepEqual(ledger.missing(last, last), [range(1, 2)])
  })

  it('puts a request together from its attempts on several connections', async () => {
    const { ledger } = await aLedger()
    ledger.restore([
      aSlice('a', { connection: 'c', requestNumber: 5, ...range(0, 2) }),
      aSlice('a', { connection: 'd', requestNumber: 1, ...range(2, 1) }),
    ])
    assert.equal(ledger.isStored(keyOf('a')), true)
  })
})
