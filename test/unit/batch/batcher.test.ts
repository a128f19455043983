import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { BatchStore } from '../../../sidecar/core/ports.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { createBatcher, createStore } from './a-batcher.ts'
import { aBlock, aTarget, recordsOf } from '../../helpers/batches.ts'
import { waitFor } from '../../helpers/wait.ts'

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, n) => JSON.stringify({ n: from + n }))
}

describe('Batcher', () => {
  it('keeps every record once and stays within both limits, whatever is posted', async () => {
    const requests = fc.array(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 30 }), {
      minLength: 1,
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(
        requests,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 80, max: 1_000 }),
        async (shapes, batchSize, maxRawBytes) => {
          const { batcher, deliver } = createBatcher()
          const target = aTarget({ limits: { batchSize, maxRawBytes } })
          let n = 0
          const texts = shapes.map((lengths) =>
            lengths.map((length) => JSON.stringify({ n: n++, pad: 'x'.repeat(length) })),
          )

          await Promise.all(texts.map((records) => batcher.append([{ target, block: aBlock(records) }])))
          await batcher.drain()

          const stored: string[] = []
          for (const batch of deliver.batches) {
            const records = await recordsOf(batch)
            assert.ok(records.length <= batchSize, `${records.length} records in a batch of ${batchSize}`)
            assert.ok(batch.rawBytes <= maxRawBytes, `${batch.rawBytes} bytes in a batch of ${maxRawBytes}`)
            assert.equal(records.length, batch.recordCount)
            stored.push(...records)
          }
          assert.deepEqual(stored.sort(), texts.flat().sort())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('fills batches to the limit: 1.25 times as much in one interval with a limit of half gives 500, 500 and 250 parts', async () => {
    const { batcher, deliver } = createBatcher()
    // 125 requests of 10 kB each, a limit of 500 kB: the 1.25 GB and 500 MB of a large sidecar, scaled down.
    const record = JSON.stringify({ pad: 'x'.repeat(989) })
    assert.equal(record.length + 1, 1_000)
    const target = aTarget({ limits: { batchSize: 1_000_000, maxRawBytes: 500_000 } })

    await Promise.all(
      Array.from({ length: 125 }, () => batcher.append([{ target, block: aBlock(Array(10).fill(record)) }])),
    )
    await batcher.drain()

    assert.deepEqual(
      deliver.batches.map((batch) => batch.rawBytes),
      [500_000, 500_000, 250_000],
    )
  })

  it('cuts a request that is larger than a batch, also by records', async () => {
    const { batcher, deliver } = createBatcher()

    await batcher.append([{ target: aTarget(), block: aBlock(numbered(2_500)) }])
    await batcher.drain()

    assert.deepEqual(
      deliver.batches.map((batch) => batch.recordCount),
      [1_000, 1_000, 500],
    )
  })

  it('gives a record that is larger than a batch one of its own', async () => {
    const { batcher, deliver } = createBatcher()
    const large = JSON.stringify({ pad: 'x'.repeat(5_000) })

    await batcher.append([
      { target: aTarget({ limits: { maxRawBytes: 100 } }), block: aBlock(['{"a":1}', large, '{"b":2}']) },
    ])
    await batcher.drain()

    assert.deepEqual(await Promise.all(deliver.batches.map(recordsOf)), [['{"a":1}'], [large], ['{"b":2}']])
  })

  it('seals when the interval is over, counted from the first record', async () => {
    const { batcher, clock, deliver } = createBatcher()
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":1}']) }])
    clock.advance(29_999)
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":2}']) }])
    assert.equal(deliver.batches.length, 0)

    clock.advance(1)
    await waitFor('the sealed batch', () => deliver.batches.length)

    const [batch] = deliver.batches
    assert.ok(batch !== undefined)
    assert.deepEqual(await recordsOf(batch), ['{"n":1}', '{"n":2}'])
  })

  it('seals at once with flush_immediately', async () => {
    const { batcher, deliver } = createBatcher()
    await batcher.append([
      { target: aTarget({ destination: { flushImmediately: true } }), block: aBlock(['{"n":1}']) },
    ])
    await waitFor('the sealed batch', () => deliver.batches.length)
  })

  it('joins requests that arrive together into few frames', async () => {
    let frames = 0
    const clock = new ManualClock()
    const inner = createStore(clock)
    const store: BatchStore = {
      isDurable: true,
      ensureRoom: () => undefined,
      async open(destination, settlement) {
        const batch = await inner.open(destination, settlement)
        const countAndAppend: typeof batch.append = async (frame) => {
          frames += 1
          await batch.append(frame)
        }
        return { id: batch.id, sync: () => batch.sync(), seal: () => batch.seal(), append: countAndAppend }
      },
    }
    const { batcher, deliver } = createBatcher({ store })
    const target = aTarget({ limits: { batchSize: 10_000 } })

    await Promise.all(numbered(2_000).map((record) => batcher.append([{ target, block: aBlock([record]) }])))
    await batcher.drain()

    assert.equal(deliver.batches[0]?.recordCount, 2_000)
    assert.ok(frames < 20, `${frames} frames for 2000 requests`)
  })

  it('keeps destinations apart', async () => {
    const { batcher, deliver } = createBatcher()
    const tables = numbered(50).map((_, n) => `T${n}`)
    await Promise.all(
      tables.map((table) =>
        batcher.append([
          { target: aTarget({ destination: { table } }), block: aBlock([`{"t":"${table}"}`]) },
        ]),
      ),
    )
    await batcher.drain()

    for (const batch of deliver.batches)
      assert.deepEqual(await recordsOf(batch), [`{"t":"${batch.destination.table}"}`])
    assert.equal(deliver.batches.length, 50)
  })

  it('refuses a destination over the limit until another one is idle', async () => {
    const { batcher } = createBatcher({ maxDestinations: 2 })
    const append = (table: string) =>
      batcher.append([{ target: aTarget({ destination: { table } }), block: aBlock(['{}']) }])
    await append('A')
    await append('B')
    await assert.rejects(append('C'), { code: 'ROUTE_TOO_MANY_DESTINATIONS' })
    await append('A')
    await batcher.drain()
    await append('C')
  })

  it('tells the sender to come again when the disk refuses, and works again afterwards', async () => {
    const { batcher, store, deliver } = createBatcher()
    assert.ok('failing' in store)
    store.failing = new SidecarError('JOURNAL_FULL', 'full')
    await assert.rejects(batcher.append([{ target: aTarget(), block: aBlock(['{"n":1}']) }]), {
      code: 'JOURNAL_FULL',
    })

    store.failing = undefined
    await batcher.append([{ target: aTarget(), block: aBlock(['{"n":2}']) }])
    await batcher.drain()
    assert.deepEqual(await Promise.all(deliver.batches.map(recordsOf)), [['{"n":2}']])
  })

  it('with guarantee none, answers at once, keeps what the disk refuses, and bounds it', async () => {
    const { batcher, store, deliver, clock } = createBatcher({ maxPendingBytes: 2_100 })
    assert.ok('failing' in store)
    store.failing = new SidecarError('JOURNAL_FULL', 'full')
    const target = aTarget({ guarantee: 'none' })
    await batcher.append([{ target, block: aBlock(['{"n":1}']) }])
    await batcher.append([{ target, block: aBlock(['{"n":2}']) }])
    await assert.rejects(batcher.append([{ target, block: aBlock(['{"n":3}']) }]), {
      code: 'HTTP_OVERLOADED',
    })

    await waitFor('the lane to rest', () => clock.timersCount > 1)
    store.failing = undefined
    await clock.advanceAndSettle(1_000)
    await batcher.drain()
    assert.deepEqual((await Promise.all(deliver.batches.map(recordsOf))).flat().sort(), [
      '{"n":1}',
      '{"n":2}',
    ])
  })

  it('without a journal, answers only when the batch is settled', async () => {
    const clock = new ManualClock()
    const store = new MemoryStore({ maxBytes: 2_000, clock, random: new SeededRandom(1) })
    const { batcher, deliver } = createBatcher({ store })
    const settled = Promise.withResolvers<void>()
    deliver.outcome = () => settled.promise
    let isAnswered = false
    const appended = batcher
      .append([{ target: aTarget(), block: aBlock(['{"n":1}']) }])
      .then(() => (isAnswered = true))
    await batcher.drain()
    await waitFor('the batch', () => deliver.batches.length)
    assert.equal(isAnswered, false)

    settled.resolve()
    await appended

    deliver.outcome = async () => {
      throw new SidecarError('DELIVERY_ATTEMPTS_EXHAUSTED', 'gone')
    }
    const refused = batcher.append([{ target: aTarget(), block: aBlock(['{"n":2}']) }])
    await batcher.drain()
    await assert.rejects(refused, { code: 'DELIVERY_ATTEMPTS_EXHAUSTED' })
  })
})
