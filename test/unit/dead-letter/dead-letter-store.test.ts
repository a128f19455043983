import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { recordBytesOf } from '../../../sidecar/dead-letter/letter-line.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aLetter, directory, linesIn, start } from './letters.ts'

describe('DeadLetterStore', () => {
  it('keeps time, code, reason, destination and the exact bytes, text or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 8 }),
        async (records) => {
          const disk = new MemoryFileSystem()
          const store = await start(disk)
          await store.keep(records.map((record) => aLetter(Buffer.from(record))))
          await store.close()
          const lines = await linesIn(disk)
          assert.deepEqual(
            lines.map(recordBytesOf),
            records.map((record) => Buffer.from(record)),
          )
          for (const { time, code, reason, destination } of lines) {
            assert.deepEqual(
              [time, code, reason, destination],
              ['2026-01-02T03:04:05.000Z', 'DECODE_NOT_JSON', 'why', 'Logs.App'],
            )
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('writes text as text, so that a person can read it', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('{"a":nan} ü 😀'), aLetter(Buffer.from([0xff, 0xfe]))])
    const lines = await linesIn(disk)
    assert.equal(lines[0]?.record, '{"a":nan} ü 😀')
    assert.equal(lines[1]?.record_base64, '//4=')
  })

  it('lets others have their turn while it keeps thousands of letters', async () => {
    const store = await start(new MemoryFileSystem())
    let turns = 0
    let isKept = false
    const takeTurns = () => {
      turns += 1
      if (!isKept) setImmediate(takeTurns)
    }
    takeTurns()
    await store.keep(Array.from({ length: 5_000 }, () => aLetter('bad')))
    isKept = true
    assert.ok(turns > 40, `${turns} turns`)
  })

  it('is durable when keep resolves', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('bad')])
    assert.equal((await linesIn(disk.crash())).length, 1)
  })

  it('joins calls that come together into few syncs', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    let syncs = 0
    disk.beforeOperation = (operation) => {
      if (operation === 'sync') syncs += 1
    }
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.keep([aLetter(`bad ${n}`)])))
    assert.equal((await linesIn(disk)).length, 100)
    assert.ok(syncs < 50, `${syncs} syncs`)
  })

  it('refuses what is over the limit, keeps the rest, and counts what earlier processes left', async () => {
    const disk = new MemoryFileSystem()
    const first = await start(disk, { maxDiskBytes: 500 })
    await first.keep([aLetter('x'.repeat(200))])
    await first.close()

    const second = await start(disk, { maxDiskBytes: 500 })
    assert.equal(second.bytesCount, first.bytesCount)
    await assert.rejects(second.keep([aLetter('x'.repeat(200))]), { code: 'DEAD_LETTER_FULL' })
    await second.keep([aLetter('small')])
    assert.equal((await linesIn(disk)).length, 2)
  })

  it('takes letters again when a person made room', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk, { maxDiskBytes: 400 })
    await store.keep([aLetter('x'.repeat(200))])
    await assert.rejects(store.keep([aLetter('x'.repeat(200))]), { code: 'DEAD_LETTER_FULL' })
    for (const name of await disk.list(directory)) await disk.remove(`${directory}/${name}`)

    await store.keep([aLetter('after')])

    assert.deepEqual(
      (await linesIn(disk)).map((line) => line.record),
      ['after'],
    )
  })

  it('writes to a new file when a person took the current one away', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('one')])
    for (const name of await disk.list(directory)) await disk.rename(`${directory}/${name}`, `/elsewhere`)

    await store.keep([aLetter('two')])

    assert.deepEqual(
      (await linesIn(disk)).map((line) => line.record),
      ['two'],
    )
  })

  it('makes no file for nothing', async () => {
    const disk = new MemoryFileSystem()
    await (await start(disk)).keep([])
    assert.deepEqual(await disk.list(directory), [])
  })

  for (const operation of ['write', 'sync', 'open', 'size'] as const) {
    it(`undoes what a failed ${operation} left, and goes on`, async () => {
      const disk = new MemoryFileSystem()
      const store = await start(disk)
      await store.keep([aLetter('one')])
      disk.fail({
        operation,
        path: directory,
        ...(operation === 'write' ? { code: 'ENOSPC', bytesWritten: 10 } : {}),
      })

      await assert.rejects(store.keep([aLetter('two')]), { code: 'DEAD_LETTER_WRITE_FAILED' })
      await store.keep([aLetter('three')])

      assert.deepEqual(
        (await linesIn(disk)).map((line) => line.record),
        ['one', 'three'],
      )
      assert.equal(disk.openFilesCount, 0)
    })
  }

  it('refuses when the name of a new file cannot be made durable', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    disk.fail({ operation: 'syncDirectory', path: directory })
    await assert.rejects(store.keep([aLetter('one')]), { code: 'DEAD_LETTER_WRITE_FAILED' })
    await store.keep([aLetter('two')])
    assert.deepEqual(
      (await linesIn(disk)).map((line) => line.record),
      ['two'],
    )
    assert.equal(disk.openFilesCount, 0)
  })
})
