import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Take } from '../../../sidecar/dead-letter/replay.ts'
import { aLetter, recordsIn } from './letters.ts'
import { create, oldLine, taking } from './replaying.ts'

describe('a replay among changes and faults', () => {
  it('goes on while new letters are kept and a person takes files away or changes them', async () => {
    const { disk, store } = await create([['a'], ['b'], ['c']])
    const [first = '', second = ''] = disk.paths()
    await store.replay({}, async ({ bytes }) => {
      await store.keep([aLetter(`beside ${bytes.toString()}`)])
      if (bytes.toString() === 'a') await disk.remove(first)
      if (bytes.toString() === 'b') disk.place(second, oldLine)
      return { deadLetters: 0 }
    })
    assert.deepEqual(await recordsIn(disk), ['old', 'beside a', 'beside b', 'beside c'])
  })

  it('does not take out of a file what was changed before the lines that were read', async () => {
    const { disk, store } = await create([['a', 'b']])
    const [path = ''] = disk.paths()
    const changed = disk.contentOf(path).toString().replace('"a"', '"A"')
    const take: Take = async () => {
      disk.place(path, changed)
      return { deadLetters: 0 }
    }
    await store.replay({ limit: 1 }, take)
    assert.equal(disk.contentOf(path).toString(), changed)
  })

  it('leaves what another process appends meanwhile', async () => {
    const { disk, store } = await create([['a']])
    const [path = ''] = disk.paths()
    const appended = `${disk.contentOf(path).toString()}${oldLine}`
    const take: Take = async () => {
      disk.place(path, appended)
      return { deadLetters: 0 }
    }
    await store.replay({}, take)
    assert.deepEqual(await recordsIn(disk), ['old'])
  })

  it('takes out what was taken also when the line that was being written then is whole', async () => {
    const { disk, store } = await create([['a']])
    const [path = ''] = disk.paths()
    const letters = disk.contentOf(path).toString()
    disk.place(path, `${letters}${oldLine.slice(0, 30)}`)
    const take: Take = async () => {
      await new Promise(setImmediate)
      disk.place(path, `${letters}${oldLine}`)
      return { deadLetters: 0 }
    }
    await store.replay({}, take)
    assert.equal(disk.contentOf(path).toString(), oldLine)
  })

  it('leaves a file that another process appends to while it is written anew', async () => {
    const { disk, store } = await create([['a', 'b']])
    const [path = ''] = disk.paths()
    const appended = `${disk.contentOf(path).toString()}${oldLine}`
    disk.beforeOperation = (operation, at) => {
      if (operation === 'sync' && at.endsWith('.rewrite')) disk.place(path, appended)
    }
    await store.replay({ limit: 1 }, taking([]))
    assert.equal(disk.contentOf(path).toString(), appended)
    assert.deepEqual(disk.paths(), [path])
  })

  for (const operation of [
    'write',
    'sync',
    'rename',
    'syncDirectory',
    'open',
    'read',
    'size',
    'list',
  ] as const) {
    it(`loses nothing and says why when ${operation} fails`, async () => {
      const { disk, store } = await create([
        ['a', 'b'],
        ['c', 'd'],
      ])
      disk.fail({ operation })
      const taken: string[] = []
      const replay = store.replay({ code: 'DECODE_NOT_JSON', limit: 1 }, taking(taken))
      if (operation === 'list') await assert.rejects(replay, { code: 'DEAD_LETTER_UNREADABLE' })
      else {
        const { stoppedBecause } = await replay
        assert.match(stoppedBecause?.code ?? '', /^DEAD_LETTER_/)
      }
      const left = await recordsIn(disk)
      for (const record of ['a', 'b', 'c', 'd'])
        assert(left.includes(record) || taken.includes(record), record)
      assert.deepEqual(left.slice(-3), ['b', 'c', 'd'])
      assert(
        disk.paths().every((path) => path.endsWith('.ndjson')),
        disk.paths().join(),
      )
      let bytesCount = 0
      for (const path of disk.paths()) bytesCount += disk.contentOf(path).length
      assert.equal(store.bytesCount, bytesCount)
      assert.equal(disk.openFilesCount, 0)
      assert.equal((await store.replay({}, taking([]))).stoppedBecause, undefined)
    })
  }
})
