import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aLetter, directory, recordsIn, start } from './letters.ts'

const maxDiskBytes = 8_000

async function create(disk = new MemoryFileSystem()) {
  const logged: Record<string, unknown>[] = []
  const write = (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>)
  const log = await createLog({ level: 'info', format: 'json' }, { write })
  const metrics = createMetrics()
  const store = await start(disk, { maxDiskBytes, whenFull: 'evict_oldest', log, metrics })
  return { disk, store, logged, metrics }
}

/** About 1,000 bytes as a line. */
function numbered(n: number) {
  return aLetter(`${n}:`.padEnd(860, '.'))
}

function numbersIn(records: readonly (string | undefined)[]): number[] {
  return records.map((record) => Number.parseInt(record ?? '', 10))
}

describe('a full directory with evict_oldest', () => {
  it('ends files early enough to have eight, and gives up whole ones, the oldest first, each told', async () => {
    const { disk, store, logged, metrics } = await create()
    for (let n = 0; n < 40; n += 1) {
      await store.keep([numbered(n)])
      assert(store.bytesCount <= maxDiskBytes)
    }
    const kept = numbersIn(await recordsIn(disk))
    assert(kept.length >= 6, `${kept.length} letters`)
    assert.deepEqual(
      kept,
      Array.from(kept, (_, index) => 40 - kept.length + index),
      'the newest',
    )
    const evicted = logged.filter(({ event }) => event === 'dead_letter.evicted')
    assert(evicted.length > 3)
    for (const { level, file, bytes } of evicted) {
      assert.equal(level, 'warn')
      assert.match(String(file), /^20260102T030405Z-\d+\.ndjson$/)
      assert(Number(bytes) > 0)
    }
    const { values } = await metrics.deadLetterEvictedBytes.get()
    assert.equal(
      values[0]?.value,
      evicted.reduce((sum, { bytes }) => sum + Number(bytes), 0),
    )
    let bytesOnDisk = 0
    for (const path of disk.paths()) bytesOnDisk += disk.contentOf(path).length
    assert.equal(store.bytesCount, bytesOnDisk)
  })

  it('makes room for a letter as large as the directory, and evicts nothing for a larger one', async () => {
    const { disk, store } = await create()
    for (let n = 0; n < 5; n += 1) await store.keep([numbered(n)])
    await assert.rejects(store.keep([aLetter('x'.repeat(maxDiskBytes))]), { code: 'DEAD_LETTER_FULL' })
    assert.equal((await recordsIn(disk)).length, 5)
    const large = 'y'.repeat(maxDiskBytes - 200)
    await store.keep([aLetter(large)])
    assert.deepEqual(await recordsIn(disk), [large])
  })

  it('keeps others of a group beside one that is too large', async () => {
    const { disk, store } = await create()
    const results = await Promise.allSettled([
      store.keep([numbered(1)]),
      store.keep([aLetter('x'.repeat(maxDiskBytes))]),
      store.keep([numbered(2)]),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(numbersIn(await recordsIn(disk)), [1, 2])
  })

  it('leaves the file that is written to when others make enough room', async () => {
    const before = new MemoryFileSystem()
    before.place(`${directory}/20250101T000000Z-1.ndjson`, 'old\n'.repeat(1_900))
    const { disk, store } = await create(before)
    await store.keep([aLetter('current')])
    const [current] = disk.paths().filter((path) => path.includes('2026'))
    await store.keep([aLetter('more '.repeat(100))])
    assert.deepEqual(disk.paths(), [current])
    assert.equal((await recordsIn(disk)).length, 2)
  })

  it('leaves the file that is written to when the clock went back and it looks like the oldest', async () => {
    const before = new MemoryFileSystem()
    before.place(`${directory}/20300101T000000Z-1.ndjson`, 'old\n'.repeat(1_900))
    const { disk, store } = await create(before)
    await store.keep([aLetter('current')])
    await store.keep([aLetter('more '.repeat(100))])
    assert.deepEqual(disk.paths(), [`${directory}/20260102T030405Z-1.ndjson`])
    assert.equal((await recordsIn(disk)).length, 2)
  })

  for (const operation of ['list', 'remove', 'open', 'size'] as const) {
    it(`makes room all the same when ${operation} fails once during eviction`, async () => {
      const { disk, store, logged } = await create()
      for (let n = 0; n < 7; n += 1) await store.keep([numbered(n)])
      // The first list is that of counting again what is there; the second is the eviction.
      let listsCount = 0
      disk.beforeOperation = (next) => {
        if (next === 'list') listsCount += 1
        if (listsCount < 2 || next !== operation) return
        disk.beforeOperation = undefined
        disk.fail({ operation })
      }
      await store.keep([numbered(7), numbered(8)])
      assert(
        logged.some(({ event }) => event === 'dead_letter.eviction_failed'),
        'told',
      )
      assert(store.bytesCount <= maxDiskBytes)
      assert.deepEqual(numbersIn(await recordsIn(disk)).slice(-2), [7, 8])
      assert.equal(disk.openFilesCount, 0)
    })
  }

  it('refuses when nothing can be removed', async () => {
    const { disk, store } = await create()
    for (let n = 0; n < 7; n += 1) await store.keep([numbered(n)])
    disk.fail({ operation: 'remove', times: 1_000 })
    await assert.rejects(store.keep([numbered(7), numbered(8)]), { code: 'DEAD_LETTER_FULL' })
    assert.equal((await recordsIn(disk)).length, 7)
  })
})
