import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { limits } from '../../../sidecar/core/limits.ts'
import { readBody } from '../../../sidecar/http/body.ts'
import { BodyMemoryPool } from '../../../sidecar/http/body-memory.ts'
import { Budget } from '../../../sidecar/http/budget.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

function create(headers: Record<string, string> = {}) {
  const clock = new ManualClock()
  let used = 0
  const onChange = (now: number) => (used = now)
  const lease = new Budget({ max: 1_000, clock, onChange, describe: () => '' }).lease()
  const stream = new PassThrough()
  const request = Object.assign(stream, { headers }) as unknown as IncomingMessage
  const pool = new BodyMemoryPool()
  return { clock, lease, pool, stream, request, used: () => used }
}

describe('readBody', () => {
  it('takes room for what is announced, or for what comes', async () => {
    for (const headers of [{ 'content-length': '6' }, {}]) {
      const { request, lease, clock, pool, stream, used } = create(headers)
      const body = readBody(request, 100, lease, clock, pool)
      stream.write('abc')
      stream.end('def')
      assert.equal((await body).bytes.toString(), 'abcdef')
      assert.equal(used(), 6)
      lease.release()
      assert.equal(used(), 0)
      assert.equal(clock.timersCount, 0)
    }
  })

  it('gives up a body of which nothing more comes', async () => {
    const { request, lease, clock, pool, stream } = create({ 'content-length': '6' })
    const stalled = { code: 'HTTP_BODY_STALLED', httpStatus: 408 }
    const refused = assert.rejects(readBody(request, 100, lease, clock, pool), stalled)
    stream.write('abc')
    await clock.advanceAndSettle(limits.bodyStallMs - 1)
    stream.write('d')
    await clock.advanceAndSettle(limits.bodyStallMs)
    await refused
  })

  it('says that the client went away', async () => {
    const { request, lease, clock, pool, stream } = create()
    const refused = assert.rejects(readBody(request, 100, lease, clock, pool), { code: 'HTTP_BODY_ABORTED' })
    stream.destroy(new Error('aborted'))
    await refused
  })
})
