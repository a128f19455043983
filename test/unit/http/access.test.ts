import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import type { ServerAuth } from '../../../sidecar/core/server-auth.ts'
import { Access } from '../../../sidecar/http/access.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'

async function create(auth: ServerAuth, files: Record<string, string> = {}) {
  const fileSystem = new MemoryFileSystem()
  const clock = new ManualClock()
  const metrics = createMetrics()
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => logLines.push(line) },
  )
  const put = async (path: string, text: string) => {
    await fileSystem.remove(path)
    const file = await fileSystem.open(path, 'create')
    await file.write([Buffer.from(text)], 0)
    await file.close()
  }
  for (const [path, text] of Object.entries(files)) await put(path, text)
  const start = () => Access.start({ auth, fileSystem, clock, log, metrics })
  return { fileSystem, clock, metrics, logLines, put, start }
}

function asked(access: Access, authorization?: string): string {
  const headers = authorization === undefined ? {} : { authorization }
  try {
    access.check({ headers, socket: { remoteAddress: '10.0.0.1' } } as unknown as IncomingMessage)
    return 'fine'
  } catch (error) {
    assert(error instanceof Error && 'code' in error)
    return String(error.code)
  }
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const user = { name: 'alice', password: 'secret' }

describe('Access', () => {
  it('lets everybody in when no credential is asked for', async () => {
    const access = await (await create({ type: 'none' })).start()
    assert.deepEqual([asked(access), asked(access, 'Bearer x')], ['fine', 'fine'])
  })

  it('lets in the user of the configuration and those of the file, and nobody else', async () => {
    const auth = { type: 'basic', user, usersFile: '/users', onRefused: 503 } as const
    const access = await (await create(auth, { '/users': 'bob:b1\nbob:b2\n' })).start()
    for (const good of ['alice:secret', 'bob:b1', 'bob:b2'])
      assert.equal(asked(access, basic(good)), 'fine', good)
    for (const bad of ['alice:Secret', 'alice:', 'alice', 'bob:b1\n', 'bob:secret', '', 'alice:secret '])
      assert.equal(asked(access, basic(bad)), 'HTTP_UNAUTHORIZED_HELD', bad)
    for (const bad of [undefined, '', 'Bearer alice:secret', 'Basic alice:secret'])
      assert.equal(asked(access, bad), 'HTTP_UNAUTHORIZED_HELD')
  })

  it('takes tokens of the configuration and of all files, and follows the files without a restart', async () => {
    const auth = { type: 'bearer', token: 'inline', tokenFiles: ['/a', '/b'], onRefused: 401 } as const
    const { start, clock, put, fileSystem } = await create(auth, { '/a': 'old', '/b': 'b1\nb2' })
    const access = await start()
    const state = () =>
      ['inline', 'old', 'new', 'b1', 'b2'].filter((token) => asked(access, `Bearer ${token}`) === 'fine')
    assert.deepEqual(state(), ['inline', 'old', 'b1', 'b2'])
    await put('/a', 'old\nnew\n')
    await fileSystem.remove('/b')
    await clock.advanceAndSettle(2_500)
    assert.deepEqual(state(), ['inline', 'old', 'new', 'b1', 'b2'], 'tokens of an unreadable file stay')
    await put('/a', 'new\n')
    await put('/b', '\n')
    await clock.advanceAndSettle(2_500)
    assert.deepEqual(state(), ['inline', 'new', 'b1', 'b2'], 'tokens of an empty file stay')
    await put('/b', 'b2')
    await clock.advanceAndSettle(2_500)
    assert.deepEqual(state(), ['inline', 'new', 'b2'])
    access.stop()
    assert.equal(clock.timersCount, 0)
  })

  it('does not start without a readable file, and leaves no other watched', async () => {
    const auth = { type: 'bearer', tokenFiles: ['/a', '/b'], onRefused: 503 } as const
    const { start, clock } = await create(auth, { '/a': 'x' })
    await assert.rejects(start(), {
      code: 'PROCESS_START_FAILED',
      message: /^server\.auth\.token_files\[1\]: \/b /,
    })
    assert.equal(clock.timersCount, 0)
    const empty = await create(auth, { '/a': ' \n', '/b': 'x' })
    await assert.rejects(empty.start(), {
      message: /^server\.auth\.token_files\[0\] \(\/a\): it holds no credential\.$/,
    })
    const tooMany = await create(auth, {
      '/a': 'x',
      '/b': Array.from({ length: 1_000 }, (_, n) => n).join('\n'),
    })
    await assert.rejects(tooMany.start(), { message: /server\.auth\.token_files\[1\].* more than 1000/ })
  })

  it('is loud about refusals: metric, one log line each 10 s with the count, not ready for 60 s', async () => {
    const { start, clock, metrics, logLines } = await create({ type: 'basic', user, onRefused: 503 })
    const access = await start()
    assert.deepEqual(access.reasonsNotReady(), [])
    for (let n = 0; n < 50; n += 1) asked(access, basic('alice:PLANTED'))
    assert.equal(logLines.length, 1)
    clock.advance(10_000)
    asked(access)
    assert.equal(logLines.length, 2)
    assert.deepEqual(
      logLines.map((line) => (JSON.parse(line) as { count: number }).count),
      [1, 50],
    )
    assert.equal((await metrics.httpUnauthorized.get()).values[0]?.value, 51)
    clock.advance(60_000)
    assert.match(access.reasonsNotReady().join(), /^Requests were refused for their credential/)
    clock.advance(1)
    assert.deepEqual(access.reasonsNotReady(), [])
    const output = logLines.join('') + (await metrics.registry.metrics())
    for (const secret of ['PLANTED', 'secret', basic('alice:PLANTED')]) assert.ok(!output.includes(secret))
  })

  it('answers 401 when it was told so', async () => {
    const access = await (await create({ type: 'basic', user, onRefused: 401 })).start()
    assert.equal(asked(access), 'HTTP_UNAUTHORIZED')
    assert.equal(access.challenge, 'Basic realm="kusto-sidecar", charset="UTF-8"')
  })
})
