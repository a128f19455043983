import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { Take } from '../../../sidecar/dead-letter/replay.ts'
import { blockOfLetter } from '../../../sidecar/dead-letter/replayed-letter.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aDestination } from '../../helpers/batches.ts'
import { waitFor } from '../../helpers/wait.ts'
import { aLetter, directory, linesIn, recordsIn, start } from './letters.ts'
import { create, none, oldLine, taking } from './replaying.ts'

describe('a replay', () => {
  it('hands over every letter with its origin and bytes, and removes it', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    const head = { path: '/a', tag: 't', contentType: 'c', contentEncoding: 'gzip' }
    const destination = aDestination({ ingestionMappingRef: 'm' })
    const letters = [
      aLetter(Buffer.from([0xff, 0]), { origin: { kind: 'request', head }, destination: '/a' }),
      aLetter('{"n":1}', { origin: { kind: 'batch', destination } }),
    ]
    await store.keep(letters)
    const taken: unknown[] = []
    const result = await store.replay({}, async (letter) => {
      taken.push(letter)
      return { deadLetters: 0 }
    })
    assert.deepEqual(result, { ...none, replayed: 2 })
    assert.deepEqual(
      taken,
      letters.map(({ destination, origin, bytes }) => ({ destination, origin, bytes })),
    )
    assert.deepEqual(disk.paths(), [])
    assert.equal(store.bytesCount, 0)
    assert.equal(disk.openFilesCount, 0)
  })

  it('takes only the selected ones, the oldest first, and leaves every other byte as it was', async () => {
    const { disk, store } = await create([['a', 'b'], ['c']])
    await store.keep([aLetter('d', { code: 'DECODE_NOT_AN_OBJECT' })])
    const [path = ''] = disk.paths()
    const [first = '', second = ''] = disk
      .contentOf(path)
      .toString()
      .split(/(?<=\n)/)
    disk.place(path, `{damaged\n${first}null\n${second}${oldLine}{"torn`)
    const taken: string[] = []
    const result = await store.replay({ code: 'DECODE_NOT_JSON', limit: 2 }, taking(taken))
    assert.deepEqual(taken, ['a', 'b'])
    assert.deepEqual(result, { ...none, replayed: 2, damagedLines: 2 })
    assert.equal(disk.contentOf(path).toString(), `{damaged\nnull\n${oldLine}{"torn`)
    assert.deepEqual(await recordsIn(disk), ['old', 'c', 'd'])
  })

  it('keeps count of the bytes of the directory', async () => {
    const { disk, store } = await create([['a', 'b'], ['c']])
    await store.replay({ limit: 1 }, taking([]))
    let bytesCount = 0
    for (const path of disk.paths()) bytesCount += disk.contentOf(path).length
    assert.equal(store.bytesCount, bytesCount)
    assert.equal((await start(disk)).bytesCount, bytesCount)
  })

  it('leaves a letter of an earlier version, without counting it for the limit, until told where it goes', async () => {
    const { disk, store } = await create([['new']])
    disk.place(`${directory}/20200101T000000Z-1.ndjson`, oldLine)
    const result = await store.replay({ limit: 1 }, taking([]))
    assert.deepEqual([result.replayed, result.skipped], [1, 1])
    assert.match(result.skippedBecause ?? '', /--to DATABASE\/TABLE/)
    assert.deepEqual(await recordsIn(disk), ['old'])
    const origins: unknown[] = []
    const take: Take = async ({ origin }) => {
      origins.push(origin)
      return { deadLetters: 0 }
    }
    const to = { database: 'My Logs', table: 'T' }
    assert.deepEqual(await store.replay({ to }, take), { ...none, replayed: 1 })
    assert.deepEqual(origins, [
      { kind: 'request', head: { path: '/ingest/My%20Logs/T', to: { database: 'My Logs', table: 'T' } } },
    ])
  })

  it('sends to another table what was to go elsewhere, with the headers and without the mapping', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    const destination = aDestination({ ingestionMappingRef: 'm' })
    await store.keep([
      aLetter('1', { origin: { kind: 'request', head: { path: '/x', tag: 't', contentType: 'c' } } }),
      aLetter('2', { origin: { kind: 'request', head: { path: '/x/v1/logs' } } }),
      aLetter('3', { origin: { kind: 'batch', destination } }),
    ])
    const origins: unknown[] = []
    const take: Take = async ({ origin }) => {
      origins.push(origin)
      throw new SidecarError('ROUTE_NOT_FOUND', 'stays')
    }
    await store.replay({ to: { database: 'D', table: 'T' } }, take)
    await store.replay({ to: { database: 'Logs', table: 'App' } }, take)
    const { ingestionMappingRef: _, ...plain } = destination
    assert.deepEqual(origins.slice(0, 3), [
      {
        kind: 'request',
        head: { path: '/ingest/D/T', tag: 't', contentType: 'c', to: { database: 'D', table: 'T' } },
      },
      { kind: 'request', head: { path: '/ingest/D/T/v1/logs', to: { database: 'D', table: 'T' } } },
      { kind: 'batch', destination: { ...plain, database: 'D', table: 'T' } },
    ])
    assert.deepEqual(origins[5], { kind: 'batch', destination })
  })

  it('removes what died again, which is a new letter, and does not take that one too', async () => {
    const { disk, store } = await create([['whole', 'in part', 'good']])
    const taken: string[] = []
    const result = await store.replay({}, async ({ bytes, origin }) => {
      const record = bytes.toString()
      taken.push(record)
      if (record === 'good') return { deadLetters: 0 }
      const again = { origin, bytes: record === 'whole' ? bytes : Buffer.from(`${record} again`) }
      await store.keep([aLetter('', again)])
      if (record === 'whole') throw new SidecarError('DECODE_UNREADABLE', 'still unreadable')
      return { deadLetters: 1 }
    })
    assert.deepEqual(result, { ...none, replayed: 1, deadAgain: 2 })
    assert.deepEqual(taken, ['whole', 'in part', 'good'])
    assert.deepEqual((await recordsIn(disk)).toSorted(), ['in part again', 'whole'])
  })

  it('takes no letter twice when it dies again in the file that was written to last', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('a')])
    let takenCount = 0
    const result = await store.replay({ limit: 5 }, async ({ origin, bytes }) => {
      takenCount += 1
      await store.keep([aLetter(bytes, { origin })])
      return { deadLetters: 1 }
    })
    assert.deepEqual([takenCount, result.deadAgain], [1, 1])
    assert.deepEqual(await recordsIn(disk), ['a'])
    assert.deepEqual(disk.paths(), [`${directory}/20260102T030405Z-2.ndjson`])
  })

  it('leaves what is refused and was not kept again, and goes on', async () => {
    const { disk, store } = await create([['a', 'b', 'c']])
    const answer = (record: string) => (record === 'b' ? 'ROUTE_NOT_FOUND' : 0)
    const result = await store.replay({}, taking([], answer))
    assert.deepEqual(result, { ...none, replayed: 2, skipped: 1, skippedBecause: 'ROUTE_NOT_FOUND happened' })
    assert.deepEqual(await recordsIn(disk), ['b'])
  })

  for (const code of ['JOURNAL_FULL', 'JOURNAL_BROKEN', undefined] as const) {
    it(`stops at ${code ?? 'an unknown error'}, with the reason, and leaves the rest`, async () => {
      const { disk, store } = await create([['a', 'b'], ['c'], ['d']])
      const take: Take = async ({ bytes }) => {
        if (bytes.toString() === 'a' || bytes.toString() === 'b') return { deadLetters: 0 }
        throw code === undefined ? new Error('odd') : new SidecarError(code, 'trouble')
      }
      const result = await store.replay({}, take)
      assert.deepEqual([result.replayed, result.skipped], [2, 1])
      assert.equal(result.stoppedBecause?.code, code ?? 'UNKNOWN')
      assert.deepEqual(await recordsIn(disk), ['c', 'd'])
      assert.deepEqual(await store.replay({}, taking([])), { ...none, replayed: 2 })
    })
  }

  it('has many letters in work at once, with a bound on their number and their bytes', async () => {
    for (const [record, count, expected, encoding] of [
      ['x', 600, 256, {}],
      ['x'.repeat(6_000_000), 5, 2, {}],
      ['x', 5, 1, { contentEncoding: 'gzip' }],
    ] as const) {
      const disk = new MemoryFileSystem()
      const store = await start(disk, { maxDiskBytes: 1e9 })
      await store.keep(
        Array.from({ length: count }, () =>
          aLetter(record, { origin: { kind: 'request', head: { path: '/', ...encoding } } }),
        ),
      )
      let [inWork, most] = [0, 0]
      const result = await store.replay({}, async () => {
        inWork += 1
        most = Math.max(most, inWork)
        await new Promise(setImmediate)
        inWork -= 1
        return { deadLetters: 0 }
      })
      assert.equal(result.replayed, count)
      assert.equal(most, expected)
    }
  })

  it('is refused while another one runs', async () => {
    const { store } = await create([['a']])
    const gate = Promise.withResolvers<{ deadLetters: number }>()
    const first = store.replay({}, () => gate.promise)
    await assert.rejects(store.replay({}, taking([])), {
      code: 'ADMIN_REQUEST_INVALID',
      message: /Another replay/,
    })
    gate.resolve({ deadLetters: 0 })
    assert.equal((await first).replayed, 1)
    assert.equal((await store.replay({}, taking([]))).replayed, 0)
  })

  it('removes nothing before it is durable where it is now', async () => {
    const clock = new ManualClock()
    const { disk, store } = await create([['a'], ['b']], { clock, takenIsDurableAfterMs: 1_000 })
    const taken: string[] = []
    const replay = store.replay({}, taking(taken))
    await waitFor('both', () => taken.length === 2)
    await clock.advanceAndSettle(900)
    assert.deepEqual(await recordsIn(disk), ['a', 'b'])
    await clock.advanceAndSettle(200)
    await replay
    assert.deepEqual(disk.paths(), [])
    assert.equal(clock.timersCount, 0)
  })

  it('ends when the store closes, after what is in work, and does not wait for ever', async () => {
    const clock = new ManualClock()
    const { disk, store } = await create([['a'], ['b']], { clock })
    const gate = Promise.withResolvers<{ deadLetters: number }>()
    const replay = store.replay({}, () => gate.promise)
    await new Promise(setImmediate)
    const closed = store.close()
    gate.resolve({ deadLetters: 0 })
    const result = await replay
    await closed
    assert.deepEqual([result.replayed, result.stoppedBecause?.code], [1, 'HTTP_DRAINING'])
    assert.deepEqual(await recordsIn(disk), ['b'])

    void store.replay({}, () => new Promise(() => undefined))
    await new Promise(setImmediate)
    const closedAgain = store.close()
    await clock.advanceAndSettle(2_000)
    await closedAgain
    assert.deepEqual(await recordsIn(disk), ['b'])
  })

  it('makes a block of a record of a batch, and none of what is no single line', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    const origin = { kind: 'batch', destination: aDestination() } as const
    await store.keep([aLetter('{"n":1}', { origin }), aLetter('{}\n{}', { origin })])
    const blocks: unknown[] = []
    const result = await store.replay({}, async (letter) => {
      blocks.push(blockOfLetter(letter))
      return { deadLetters: 0 }
    })
    assert.deepEqual(blocks, [{ bytes: Buffer.from('{"n":1}\n'), ends: Uint32Array.of(8) }])
    assert.deepEqual([result.replayed, result.skipped], [1, 1])
    assert.equal((await linesIn(disk)).length, 1)
  })
})
