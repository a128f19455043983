import assert from 'node:assert/strict'
import { cp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { Settlement } from '../../../sidecar/core/settlement.ts'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { systemFileSystem } from '../../../sidecar/platform/file-system.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'
import { onCleanup } from '../../helpers/cleanup.ts'
import { directory, recoverFrom, startStore } from '../../helpers/journal.ts'
import { exactlyOnce } from '../../helpers/requests.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const writerFile = `${directory}/writer.json`

/** A journal with one batch, sealed or left open. */
async function journal(settlement: Settlement, state: 'open' | 'sealed'): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem()
  const { store } = await startStore(disk)
  const batch = await store.open(aDestination(), settlement)
  await batch.append(aFrame(['{"n":1}']))
  if (state === 'sealed') await batch.seal()
  await store.close()
  return disk
}

/** As cp, rsync or a restored backup: the same bytes in other files. */
function copyOf(disk: MemoryFileSystem): MemoryFileSystem {
  const copy = new MemoryFileSystem()
  for (const path of disk.paths()) copy.place(path, disk.contentOf(path))
  return copy
}

function writerOf(disk: MemoryFileSystem): string {
  const { writer } = JSON.parse(disk.contentOf(writerFile).toString()) as { writer: string }
  return writer
}

describe('a copied journal directory', () => {
  it('is refused when it has an open batch of exactly-once, untouched and as often as it is tried', async () => {
    const copy = copyOf(await journal(exactlyOnce, 'open'))
    const before = copy.paths().map((path) => [path, copy.contentOf(path)])
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(startStore(copy), {
        code: 'JOURNAL_COPIED',
        message: /has 1 open batch of exactly-once.*remove \/journal\/writer\.json/,
      })
      assert.deepEqual(
        copy.paths().map((path) => [path, copy.contentOf(path)]),
        before,
      )
    }
    assert.equal(copy.openFilesCount, 0)
  })

  it('is delivered after writer.json was removed, under another writer id', async () => {
    const original = await journal(exactlyOnce, 'open')
    const copy = copyOf(original)
    await copy.remove(writerFile)
    const { records, store } = await recoverFrom(copy, { seed: 2 })
    assert.deepEqual(records, ['{"n":1}'])
    await store.open(aDestination())
    assert.notEqual(writerOf(copy), writerOf(original))
    await store.close()
    await recoverFrom(copy)
  })

  for (const [name, settlement, state] of [
    ['an open batch of at-least-once', settledWhenQueued, 'open'],
    ['a sealed batch of exactly-once', exactlyOnce, 'sealed'],
  ] as const) {
    it(`is taken with a warning and a new writer id when it has ${name}`, async () => {
      const original = await journal(settlement, state)
      const copy = copyOf(original)
      const { records, store, batches, logged } = await recoverFrom(copy, { seed: 2 })
      assert.deepEqual(records, ['{"n":1}'])
      assert.deepEqual(
        logged.filter(({ level }) => level === 'warn').map(({ event }) => event),
        ['journal.copied'],
      )
      const next = await store.open(aDestination(), exactlyOnce)
      assert.equal(next.id.split(':')[0], writerOf(copy))
      // A sealed batch is the same in both; an open one may have grown in the original.
      const expectedWriter = writerOf(state === 'open' ? copy : original)
      assert.equal(batches[0]?.id.split(':')[0], expectedWriter)
      await store.close()

      assert.deepEqual(
        (await recoverFrom(copy)).logged.filter(({ level }) => level === 'warn'),
        [],
      )
    })
  }
})

describe('a journal directory that is no copy', () => {
  it('is taken by its writer again after any end of the process or the machine', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      let disk = await journal(exactlyOnce, 'open')
      const writer = writerOf(disk)
      for (const end of ['kill', 'crash', 'kill']) {
        disk = end === 'kill' ? disk.kill() : disk.crash(new SeededRandom(seed))
        const { store } = await recoverFrom(disk)
        const open = await store.open(aDestination(), exactlyOnce)
        assert.equal(open.id.split(':')[0], writer)
      }
    }
  })

  it('is taken when an earlier program wrote its writer.json, and is noted as it is from then on', async () => {
    const disk = await journal(exactlyOnce, 'open')
    const { file, ...old } = JSON.parse(disk.contentOf(writerFile).toString()) as { file: string }
    assert.match(file, /^\d+$/)
    disk.place(writerFile, JSON.stringify(old))
    const { store } = await recoverFrom(disk)
    await store.open(aDestination(), exactlyOnce)
    await store.close()
    await assert.rejects(startStore(copyOf(disk)), { code: 'JOURNAL_COPIED' })
  })

  it('is known on a real disk after it was moved, and told from copies of it', async (t) => {
    const home = await temporaryDirectory(t)
    const start = (at: string) => startStore(systemFileSystem, { directory: at })
    const first = await start(`${home}/a`)
    const open = await first.store.open(aDestination(), exactlyOnce)
    onCleanup(t, () => open.discard())
    await open.append(aFrame(['{"n":1}']))
    await first.store.close()

    await rename(`${home}/a`, `${home}/b`)
    await (await start(`${home}/b`)).store.close()
    for (const preserveTimestamps of [false, true]) {
      await cp(`${home}/b`, `${home}/c`, { recursive: true, preserveTimestamps })
      await assert.rejects(start(`${home}/c`), { code: 'JOURNAL_COPIED' })
      await rm(`${home}/c`, { recursive: true })
    }
  })

  it('is told from a copy on a new volume whose inode has the same number', async (t) => {
    const home = await temporaryDirectory(t)
    const { store } = await startStore(systemFileSystem, { directory: home })
    const open = await store.open(aDestination(), exactlyOnce)
    onCleanup(t, () => open.discard())
    await open.append(aFrame(['{"n":1}']))
    await store.close()
    const text = await readFile(`${home}/writer.json`, 'utf8')
    const { birthtimeNs, ctimeNs } = await stat(`${home}/writer.json`, { bigint: true })
    if (birthtimeNs === 0n || birthtimeNs === ctimeNs)
      return t.skip('this file system does not tell when a file was born')
    const born = String(birthtimeNs)
    assert.match(text, new RegExp(`"file":"\\d+-${born}"`))
    // Written over in place, so that the inode stays.
    await writeFile(`${home}/writer.json`, text.replace(born, String(birthtimeNs - 1n)))
    await assert.rejects(startStore(systemFileSystem, { directory: home }), { code: 'JOURNAL_COPIED' })
    await writeFile(`${home}/writer.json`, text.replace(`-${born}`, ''))
    await (await startStore(systemFileSystem, { directory: home })).store.close()
  })
})
