import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'

async function withFile(content = '') {
  const system = new MemoryFileSystem()
  await system.makeDirectory('/d')
  const file = await system.open('/d/f', 'create')
  await file.write([Buffer.from(content)], 0)
  return { system, file }
}

const textOf = (system: MemoryFileSystem, path = '/d/f') => system.contentOf(path).toString()

describe('MemoryFileSystem as a disk', () => {
  it('writes at a position, reads, truncates and fills gaps with zeros', async () => {
    const { system, file } = await withFile('hello')
    await file.write([Buffer.from('EL'), Buffer.from('L')], 1)
    assert.equal(textOf(system), 'hELLo')

    await file.truncate(2)
    await file.write([Buffer.from('x')], 4)
    assert.equal(textOf(system), 'hE\0\0x')
    assert.equal(await file.size(), 5)

    const buffer = Buffer.alloc(10)
    assert.equal(await file.read(buffer, 3), 2)
    assert.equal(buffer.toString('utf8', 0, 2), '\0x')
    assert.equal(await file.read(buffer, 99), 0)
  })

  it('opens by mode like the port says', async () => {
    const { system, file } = await withFile('a')
    await assert.rejects(system.open('/d/f', 'create'), { code: 'EEXIST' })
    await assert.rejects(system.open('/d/none', 'read'), { code: 'ENOENT' })
    await assert.rejects(system.open('/d/none', 'update'), { code: 'ENOENT' })
    await assert.rejects(system.open('/nowhere/f', 'create'), { code: 'ENOENT' })
    assert.equal(await (await system.open('/d/f', 'update')).size(), 1)
    assert.equal(system.openFilesCount, 2)
    await file.close()
    await file.close()
    assert.equal(system.openFilesCount, 1)
    await assert.rejects(file.size(), { code: 'EBADF' })
  })

  it('lists one level, renames over a target and removes what may not exist', async () => {
    const { system } = await withFile('new')
    await system.makeDirectory('/d/sub/deep')
    system.place('/d/old', 'old')
    assert.deepEqual(await system.list('/d'), ['f', 'old', 'sub'])

    await system.rename('/d/f', '/d/old')
    assert.equal(textOf(system, '/d/old'), 'new')
    await system.remove('/d/old')
    await system.remove('/d/old')
    assert.deepEqual(system.paths(), [])
    await assert.rejects(system.list('/none'), { code: 'ENOENT' })
  })

  it('gives a directory to one owner at a time', async () => {
    const system = new MemoryFileSystem()
    const lock = await system.lock('/d')
    await assert.rejects(system.lock('/d'), { code: 'JOURNAL_LOCKED' })
    await lock.release()
    await system.lock('/d')
  })
})

describe('MemoryFileSystem after a crash', () => {
  it('keeps content up to the last sync of the file', async () => {
    const { system, file } = await withFile('safe')
    await system.syncDirectory('/d')
    await file.sync()
    await file.write([Buffer.from(' lost')], 4)
    assert.equal(textOf(system), 'safe lost')

    assert.equal(textOf(system.crash()), 'safe')
  })

  it('forgets a file whose directory was not synced, although its content was', async () => {
    const { system, file } = await withFile('safe')
    await file.sync()
    assert.deepEqual(system.crash().paths(), [])
  })

  it('undoes a rename and a removal that were not synced', async () => {
    const system = new MemoryFileSystem()
    system.place('/d/a', 'a')
    system.place('/d/b', 'b')
    await system.rename('/d/a', '/d/c')
    await system.remove('/d/b')
    assert.deepEqual(system.paths(), ['/d/c'])
    assert.deepEqual(system.crash().paths(), ['/d/a', '/d/b'])
  })

  it('keeps synced names for good, and only those of the synced directory', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { system } = await withFile()
      await system.makeDirectory('/e')
      await system.rename('/d/f', '/d/g')
      await system.syncDirectory('/d')
      assert.deepEqual(system.crash(new SeededRandom(seed)).paths(), ['/d/g'])
    }
    const { system } = await withFile()
    await system.makeDirectory('/e')
    await system.open('/e/x', 'create')
    await system.syncDirectory('/d')
    assert.deepEqual(system.crash().paths(), ['/d/f'])
  })

  it('never makes durable what a failed sync should have written', async () => {
    const { system, file } = await withFile('lost')
    await system.syncDirectory('/d')
    system.fail({ operation: 'sync' })
    await assert.rejects(file.sync(), { code: 'EIO' })
    await file.sync()
    assert.equal(textOf(system), 'lost')
    assert.equal(textOf(system.crash()), '')
  })

  it('keeps a random prefix of the unsynced bytes when given a random', async () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 60; seed += 1) {
      const { system, file } = await withFile('abc')
      await system.syncDirectory('/d')
      await file.sync()
      await file.write([Buffer.from('def')], 3)
      const kept = textOf(system.crash(new SeededRandom(seed)))
      assert.ok('abcdef'.startsWith(kept) && kept.length >= 3, kept)
      lengths.add(kept.length)
    }
    assert.deepEqual(
      [...lengths].toSorted((a, b) => a - b),
      [3, 4, 5, 6],
    )
  })

  it('refuses every further call on the old system, and frees its locks', async () => {
    const { system, file } = await withFile('x')
    await system.lock('/d')
    const survivor = system.crash()
    await assert.rejects(file.write([Buffer.from('y')], 1), { code: 'EIO' })
    await assert.rejects(system.list('/d'), { code: 'EIO' })
    await survivor.lock('/d')
  })
})

describe('MemoryFileSystem with faults', () => {
  it('writes what fits and then reports a full disk', async () => {
    const { system, file } = await withFile('')
    system.freeBytes = 4
    await file.write([Buffer.from('abc')], 0)
    await assert.rejects(file.write([Buffer.from('def')], 3), { code: 'ENOSPC' })
    assert.equal(textOf(system), 'abcd')
  })

  it('cuts a write short, once, for the planned file only', async () => {
    const { system, file } = await withFile('')
    const other = await system.open('/d/other', 'create')
    system.fail({ operation: 'write', path: '/d/f', bytesWritten: 2 })
    await other.write([Buffer.from('whole')], 0)
    await assert.rejects(file.write([Buffer.from('abcd')], 0), { code: 'EIO' })
    assert.equal(textOf(system), 'ab')
    await file.write([Buffer.from('cd')], 2)
    assert.equal(textOf(system), 'abcd')
  })

  it('fails as often and with the code that was planned', async () => {
    const { system, file } = await withFile('')
    system.fail({ operation: 'truncate', code: 'EROFS', times: 2 })
    await assert.rejects(file.truncate(0), { code: 'EROFS' })
    await assert.rejects(file.truncate(0), { code: 'EROFS' })
    await file.truncate(0)
  })

  it('holds an operation back while the hook waits', async () => {
    const { system, file } = await withFile('a')
    const gate = Promise.withResolvers<void>()
    const seen: string[] = []
    system.beforeOperation = (operation) => {
      seen.push(operation)
      return operation === 'sync' ? gate.promise : undefined
    }
    let isSynced = false
    const syncing = file.sync().then(() => (isSynced = true))
    await file.size()
    assert.equal(isSynced, false)
    gate.resolve()
    await syncing
    assert.deepEqual(seen, ['sync', 'size'])
  })
})
