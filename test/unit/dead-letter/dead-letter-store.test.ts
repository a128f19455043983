import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { DeadLetter } from '../../../sidecar/core/ports.ts'
import { DeadLetterStore } from '../../../sidecar/dead-letter/dead-letter-store.ts'
import { recordBytesOf, type DeadLetterLine } from '../../../sidecar/dead-letter/encode-letters.ts'
import { readLetters } from '../../../sidecar/dead-letter/read-letters.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'

const directory = '/dead'

function aLetter(bytes: Buffer | string, overrides: Partial<DeadLetter> = {}): DeadLetter {
  return {
    code: 'DECODE_NOT_JSON',
    reason: 'why',
    destination: 'Logs.App',
    bytes: Buffer.from(bytes),
    ...overrides,
  }
}

async function start(fileSystem: MemoryFileSystem, maxDiskBytes = 1_000_000): Promise<DeadLetterStore> {
  const store = new DeadLetterStore({
    directory,
    maxDiskBytes,
    fileSystem,
    clock: new ManualClock(),
    metrics: createMetrics(),
  })
  await store.start()
  return store
}

async function linesIn(fileSystem: MemoryFileSystem): Promise<DeadLetterLine[]> {
  const lines: DeadLetterLine[] = []
  for (const name of (await fileSystem.list(directory)).sort()) {
    const file = await fileSystem.open(`${directory}/${name}`, 'read')
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    await file.close()
    for await (const line of readLetters(Readable.from([bytes]))) lines.push(line)
  }
  return lines
}

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
    const first = await start(disk, 500)
    await first.keep([aLetter('x'.repeat(200))])
    await first.close()

    const second = await start(disk, 500)
    assert.equal(second.bytesCount, first.bytesCount)
    await assert.rejects(second.keep([aLetter('x'.repeat(200))]), { code: 'DEAD_LETTER_FULL' })
    await second.keep([aLetter('small')])
    assert.equal((await linesIn(disk)).length, 2)
  })

  it('takes letters again when a person made room', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk, 400)
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

describe('readLetters', () => {
  it('names the line that is damaged, after giving those before it', async () => {
    const lines: unknown[] = []
    const read = async () => {
      for await (const line of readLetters(Readable.from(['{"record":"a"}\n{"record":\n']))) lines.push(line)
    }
    await assert.rejects(read(), { code: 'DEAD_LETTER_UNREADABLE', message: /Line 2 .*damaged/ })
    assert.deepEqual(lines, [{ record: 'a' }])
  })

  it('leaves out a last line that was cut short', async () => {
    const lines: unknown[] = []
    for await (const line of readLetters(Readable.from([Buffer.from('{"record":"a"}\n{"reco')])))
      lines.push(line)
    assert.deepEqual(lines, [{ record: 'a' }])
  })

  it('reads a long line that comes in many chunks', async () => {
    const text = `${JSON.stringify({ record: 'x'.repeat(20_000_000) })}\n`
    const chunks = function* () {
      for (let at = 0; at < text.length; at += 64 * 1024) yield Buffer.from(text.slice(at, at + 64 * 1024))
    }
    for await (const line of readLetters(Readable.from(chunks())))
      assert.equal(line.record?.length, 20_000_000)
  })
})
