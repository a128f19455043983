import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codeOf } from '../../../sidecar/core/errors.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination, aFrame, blobOf, recordsOf } from '../../helpers/batches.ts'
import {
  directory,
  startStore,
  diskWith,
  recoverFrom,
  threeFrames,
  allRecords,
} from '../../helpers/journal.ts'

describe('DiskStore', () => {
  it('gives a sealed batch back as one gzip member with every record', async () => {
    const { store } = await startStore(new MemoryFileSystem())
    const open = await store.open(aDestination())
    for (const frame of threeFrames) await open.append(frame)

    const sealed = await open.seal()

    assert.ok(sealed !== undefined)
    assert.deepEqual(await recordsOf(sealed), allRecords)
    assert.equal(sealed.recordCount, 6)
    assert.equal(sealed.rawBytes, allRecords.join('\n').length + 1)
    assert.equal((await blobOf(sealed)).length, sealed.blobBytes)
    assert.deepEqual(await blobOf(sealed), await blobOf(sealed), 'reading again gives the same bytes')
  })

  it('leaves no file behind for a batch without records, nor after remove', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const empty = await store.open(aDestination())
    const full = await store.open(aDestination())
    await full.append(aFrame(['{}']))

    assert.equal(await empty.seal(), undefined)
    await (await full.seal())?.remove()

    assert.deepEqual(await disk.list(directory), ['writer.json'])
    await store.close()
    assert.equal(disk.openFilesCount, 0)
  })

  it('never uses a batch id twice, not even after a restart', async () => {
    const disk = new MemoryFileSystem()
    const ids = new Set<string>()
    for (let start = 0; start < 5; start += 1) {
      const { store } = await startStore(disk)
      for (let i = 0; i < 3; i += 1) ids.add((await store.open(aDestination())).id)
      await store.close()
    }
    assert.equal(ids.size, 15)
  })

  it('makes what was written durable within the sync interval', async () => {
    const disk = new MemoryFileSystem()
    const { store, clock } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    const before = await recoverFrom(disk.crash())
    assert.deepEqual(before.records, [], 'a power cut before the interval loses what was not synced')

    const secondDisk = new MemoryFileSystem()
    const second = await startStore(secondDisk)
    const written = await second.store.open(aDestination())
    await written.append(aFrame(['{"n":1}']))
    await second.clock.advanceAndSettle(500)

    assert.deepEqual((await recoverFrom(secondDisk.crash())).records, ['{"n":1}'])
    assert.equal(clock.timersCount, 1)
  })

  it('survives a power cut right after a seal', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    await open.seal()

    assert.deepEqual((await recoverFrom(disk.crash())).records, ['{"n":1}'])
  })

  it('keeps the destination with all its ingestion properties over a restart', async () => {
    const disk = new MemoryFileSystem()
    const destination = aDestination({
      table: 'Tab le-1.x',
      ingestionMappingRef: 'm',
      flushImmediately: true,
      additionalTags: ['a', 'ü'],
      dropByTags: ['d'],
    })
    const { store } = await startStore(disk)
    const open = await store.open(destination)
    await open.append(aFrame(['{}']))
    await store.close()

    const { batches } = await recoverFrom(disk)

    assert.deepEqual(batches[0]?.destination, destination)
    assert.equal(batches[0]?.id, open.id)
  })

  it('answers JOURNAL_FULL at the limit, loses nothing, and takes more when a batch is gone', async () => {
    const { store } = await startStore(new MemoryFileSystem(), { maxDiskBytes: 700 })
    const first = await store.open(aDestination())
    await first.append(aFrame(['{"n":1}']))
    const open = await store.open(aDestination())
    const large = aFrame([JSON.stringify({ text: new SeededRandom(2).hex(300) })])

    await assert.rejects(open.append(large), { code: 'JOURNAL_FULL' })

    const sealed = await first.seal()
    assert.ok(sealed !== undefined)
    assert.deepEqual(await recordsOf(sealed), ['{"n":1}'])
    await sealed.remove()
    await open.append(large)
  })

  it('undoes a write that the disk cuts short, and goes on', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    disk.fail({ operation: 'write', code: 'ENOSPC', bytesWritten: 17 })

    await assert.rejects(open.append(aFrame(['{"n":2}'])), (error) => {
      assert.equal(codeOf(error), 'JOURNAL_WRITE_FAILED')
      assert.match(String(error), /Free some space/)
      return true
    })

    await open.append(aFrame(['{"n":3}']))
    const sealed = await open.seal()
    assert.ok(sealed !== undefined)
    assert.deepEqual(await recordsOf(sealed), ['{"n":1}', '{"n":3}'])
  })

  it('stops the process when a sync fails or a failed write cannot be undone', async () => {
    const disk = new MemoryFileSystem()
    const { store, clock, fatal } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))

    disk.fail({ operation: 'sync', path: '.open' })
    await clock.advanceAndSettle(500)
    assert.deepEqual(
      fatal.map((error) => error.code),
      ['JOURNAL_SYNC_FAILED'],
    )

    disk.fail({ operation: 'write', code: 'EIO' })
    disk.fail({ operation: 'truncate', code: 'EIO' })
    await assert.rejects(open.append(aFrame(['{"n":2}'])), { code: 'JOURNAL_BROKEN' })
    assert.equal(fatal[1]?.code, 'JOURNAL_BROKEN')
  })

  it('refuses a directory that another process has', async () => {
    const disk = new MemoryFileSystem()
    await startStore(disk)
    await assert.rejects(startStore(disk), { code: 'JOURNAL_LOCKED' })
  })

  it('refuses a journal of a newer version before it touches anything', async () => {
    const disk = await diskWith(
      `${directory}/writer.json`,
      Buffer.from('{"formatVersion":2,"writer":"0123456789abcdef","epoch":1}'),
    )
    await assert.rejects(startStore(disk), { code: 'JOURNAL_VERSION_UNSUPPORTED' })
    assert.deepEqual(await disk.list(directory), ['writer.json'])
  })
})
