import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aDestination, aFrame, recordsOf } from '../../helpers/batches.ts'
import { allRecords, directory, recoverFrom, startStore, threeFrames } from '../../helpers/journal.ts'

describe('DiskStore under faults', () => {
  it('makes durable what was written while a sync ran', async () => {
    const disk = new MemoryFileSystem()
    const { store, clock } = await startStore(disk)
    const open = await store.open(aDestination())
    const write = Promise.withResolvers<void>()
    disk.beforeOperation = (operation) => (operation === 'write' ? write.promise : undefined)
    const appended = open.append(aFrame(['{"n":1}']))
    await clock.advanceAndSettle(500)
    write.resolve()
    await appended

    await clock.advanceAndSettle(500)

    assert.deepEqual((await recoverFrom(disk.crash())).records, ['{"n":1}'])
  })

  it('delivers what waits on a disk without any room, and opens batches again when there is some', async () => {
    const disk = new MemoryFileSystem()
    const first = await startStore(disk)
    const open = await first.store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    await open.seal()
    await first.store.close()
    disk.freeBytes = 0

    const { store, records } = await recoverFrom(disk)

    assert.deepEqual(records, ['{"n":1}'])
    await assert.rejects(store.open(aDestination()), { code: 'JOURNAL_WRITE_FAILED' })
    disk.freeBytes = undefined
    await store.open(aDestination())
  })

  it('goes on when it runs out of descriptors for a sync of the directory', async () => {
    const disk = new MemoryFileSystem()
    const { store, clock, fatal } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    disk.fail({ operation: 'syncDirectory', code: 'EMFILE' })
    await clock.advanceAndSettle(500)
    assert.deepEqual(fatal, [])
    await clock.advanceAndSettle(500)
    assert.deepEqual((await recoverFrom(disk.crash())).records, ['{"n":1}'], 'done at the next interval')
  })

  it('makes other ids from a copy of the same journal', async () => {
    const disk = new MemoryFileSystem()
    const first = await startStore(disk)
    await (await first.store.open(aDestination())).seal()
    await first.store.close()
    const copy = new MemoryFileSystem()
    copy.place(`${directory}/writer.json`, disk.contentOf(`${directory}/writer.json`))

    const ids = new Set<string>()
    for (const [seed, one] of [disk, copy].entries()) {
      const { store } = await startStore(one, { seed: seed + 2 })
      ids.add((await store.open(aDestination())).id)
    }
    assert.equal(ids.size, 2)
  })

  it('leaves nothing behind and counts right when a repair finds no room, however often', async () => {
    const disk = new MemoryFileSystem()
    const { store, metrics } = await startStore(disk)
    const open = await store.open(aDestination())
    for (const frame of threeFrames) await open.append(frame)
    const sealed = await open.seal()
    assert.ok(sealed !== undefined)
    const bytesInJournal = async () => (await metrics.journalBytes.get()).values[0]?.value
    const before = { files: disk.paths(), bytes: await bytesInJournal() }
    for (let attempt = 0; attempt < 3; attempt += 1) {
      disk.freeBytes = 300
      await assert.rejects(sealed.repair(), { code: 'JOURNAL_WRITE_FAILED' })
    }
    disk.freeBytes = undefined

    assert.deepEqual({ files: disk.paths(), bytes: await bytesInJournal() }, before)
    const repaired = await sealed.repair()
    assert.ok(repaired !== undefined)
    assert.deepEqual(await recordsOf(repaired), allRecords)
  })

  it('calls a disk that cannot be read by its name', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    const sealed = await open.seal()
    assert.ok(sealed !== undefined)
    disk.fail({ operation: 'read', code: 'EIO' })
    await assert.rejects(recordsOf(sealed), { code: 'JOURNAL_READ_FAILED' })
    assert.deepEqual(await recordsOf(sealed), ['{"n":1}'])
    await store.close()
    assert.equal(disk.openFilesCount, 0)
  })

  it('writes again what an earlier process could not sync, before it trusts it', async () => {
    const disk = new MemoryFileSystem()
    const { store, clock, fatal } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    disk.fail({ operation: 'sync', path: '.open' })
    await clock.advanceAndSettle(500)
    assert.equal(fatal.length, 1)

    // The page cache still has the record, but the kernel takes it for written: a sync alone would do nothing.
    const next = disk.kill()
    assert.deepEqual((await recoverFrom(next)).records, ['{"n":1}'])
    assert.deepEqual((await recoverFrom(next.crash())).records, ['{"n":1}'], 'a power cut takes nothing')
  })

  it('does not give a damaged file up for lost because it cannot be opened for now', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const open = await store.open(aDestination())
    await open.append(aFrame(['{"n":1}']))
    const sealed = await open.seal()
    assert.ok(sealed !== undefined)
    disk.fail({ operation: 'open', code: 'EMFILE', path: '.batch' })
    await assert.rejects(sealed.repair(), { code: 'EMFILE' })
    const repaired = await sealed.repair()
    assert.ok(repaired !== undefined)
    assert.deepEqual(await recordsOf(repaired), ['{"n":1}'])
  })
})
