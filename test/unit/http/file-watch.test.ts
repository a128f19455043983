import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FileWatch } from '../../../sidecar/http/file-watch.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'

async function put(fileSystem: MemoryFileSystem, path: string, text: string) {
  await fileSystem.remove(path)
  const file = await fileSystem.open(path, 'create')
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

async function create({ a = 'one', b = 'two' } = {}) {
  const fileSystem = new MemoryFileSystem()
  const clock = new ManualClock()
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => logLines.push(line) },
  )
  const applied: string[] = []
  const apply = (contents: readonly Buffer[]) => {
    const text = contents.join('+')
    if (text.includes('bad')) throw new Error('it is bad')
    applied.push(text)
  }
  await put(fileSystem, '/a', a)
  await put(fileSystem, '/b', b)
  const files = [
    { key: 'server.x.a', path: '/a' },
    { key: 'server.x.b', path: '/b' },
  ]
  const start = () =>
    FileWatch.start({ files, maxBytes: 20, apply, fileSystem, clock, log, metrics: createMetrics() })
  return {
    fileSystem,
    clock,
    logLines,
    applied,
    start,
    put: (path: string, text: string) => put(fileSystem, path, text),
  }
}

describe('FileWatch', () => {
  it('applies the files at its start, and again within 2.2 s of a change, and not without one', async () => {
    const { clock, applied, start, put } = await create()
    await start()
    await clock.advanceAndSettle(10_000)
    assert.deepEqual(applied, ['one+two'])
    await put('/b', 'three')
    await clock.advanceAndSettle(2_200)
    assert.deepEqual(applied, ['one+two', 'one+three'])
  })

  it('does not apply what is seen only once, such as a file that is being written', async () => {
    const { clock, applied, logLines, start, put } = await create()
    await start()
    await put('/a', '')
    await clock.advanceAndSettle(2_000)
    await put('/a', 'half')
    await clock.advanceAndSettle(200)
    await put('/a', 'whole')
    await clock.advanceAndSettle(400)
    assert.deepEqual(applied, ['one+two', 'whole+two'])
    assert.equal(logLines.length, 1)
  })

  it('keeps what it has while files are bad or gone, and tells each change once, with the key and the count', async () => {
    const { fileSystem, clock, applied, logLines, start, put } = await create()
    await start()
    await put('/a', 'bad')
    await clock.advanceAndSettle(20_000)
    await fileSystem.remove('/b')
    await clock.advanceAndSettle(20_000)
    await put('/b', 'x'.repeat(21))
    await clock.advanceAndSettle(20_000)
    assert.deepEqual(applied, ['one+two'])
    assert.equal(logLines.length, 3, logLines.join(''))
    assert.match(
      logLines[0] ?? '',
      /server\.x\.a \(\/a\), server\.x\.b \(\/b\): it is bad\. What was read before stays/,
    )
    assert.match(logLines[1] ?? '', /server\.x\.b: \/b cannot be read: .*ENOENT/)
    assert.match(logLines[2] ?? '', /"failuresCount":3.*larger than 20 bytes/)

    await put('/a', 'one')
    await put('/b', 'two')
    await clock.advanceAndSettle(2_200)
    assert.deepEqual(applied, ['one+two', 'one+two'])
    assert.match(logLines[3] ?? '', /http\.file_reloaded/)
  })

  it('takes files of exactly the largest size', async () => {
    const { applied, start } = await create({ a: 'x'.repeat(20) })
    await start()
    assert.deepEqual(applied, [`${'x'.repeat(20)}+two`])
  })

  it('does not start with files that cannot be used, and names their keys', async () => {
    for (const [options, message] of [
      [{ a: 'bad' }, /^server\.x\.a \(\/a\), .*: it is bad\.$/],
      [{ b: 'x'.repeat(21) }, /^server\.x\.b: \/b cannot be read: it is larger than 20 bytes\.$/],
    ] as const) {
      const { start, clock } = await create(options)
      await assert.rejects(start(), { code: 'PROCESS_START_FAILED', message })
      assert.equal(clock.timersCount, 0)
    }
  })

  it('leaves no timer and no open file behind when it is stopped, also in the middle of a check', async () => {
    const { clock, fileSystem, applied, start, put } = await create()
    const watch = await start()
    await put('/a', 'new')
    clock.advance(2_000)
    watch.stop()
    await clock.advanceAndSettle(10_000)
    assert.deepEqual([applied.length, clock.timersCount, fileSystem.openFilesCount], [1, 0, 0])
  })
})
