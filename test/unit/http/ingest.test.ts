import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Target } from '../../../sidecar/core/destination.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { limits } from '../../../sidecar/core/limits.ts'
import type { DeadLetter } from '../../../sidecar/core/ports.ts'
import type { RecordBlock } from '../../../sidecar/core/record-block.ts'
import { decode } from '../../../sidecar/decode/decode.ts'
import { decompress } from '../../../sidecar/decode/decompress.ts'
import { Ingest } from '../../../sidecar/http/ingest.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { aTarget } from '../../helpers/batches.ts'
import { waitFor } from '../../helpers/wait.ts'

function create(overrides: { unrouted?: 'dead_letter' | 'reject'; route?: () => Target } = {}) {
  const clock = new ManualClock()
  const metrics = createMetrics()
  const state = {
    appended: [] as RecordBlock[],
    kept: [] as DeadLetter[],
    append: async (): Promise<void> => undefined,
    keep: async (): Promise<void> => undefined,
  }
  const ingest = new Ingest({
    decode,
    decompress,
    router: { route: overrides.route ?? (() => aTarget()) },
    intake: {
      append: async (_target, block) => {
        state.appended.push(block)
        await state.append()
      },
    },
    deadLetters: {
      keep: async (letters) => {
        await state.keep()
        state.kept.push(...letters)
      },
    },
    unrouted: overrides.unrouted ?? 'dead_letter',
    maxBodyBytes: 1_000,
    maxInFlightBytes: 10_000,
    clock,
    metrics,
  })
  const take = (body: string | Buffer, headers: Record<string, string> = {}) => {
    const request = Object.assign(Readable.from([Buffer.from(body as string)]), { headers })
    return ingest.take(request as unknown as IncomingMessage, '/path')
  }
  const heldBytes = async () => (await metrics.httpInFlightBytes.get()).values[0]?.value ?? 0
  return { clock, state, take, heldBytes }
}

const full = () => Promise.reject(new SidecarError('DEAD_LETTER_FULL', 'full'))

describe('Ingest', () => {
  it('answers only when the records are safe', async () => {
    const { state, take } = create()
    const written = Promise.withResolvers<void>()
    state.append = () => written.promise
    let isAnswered = false
    const answered = take('{"n":1}').then(() => (isAnswered = true))
    await waitFor('the append', () => state.appended.length)
    assert.equal(isAnswered, false)
    written.resolve()
    await answered
  })

  it('answers only when bad records are kept, and stores nothing when they cannot be', async () => {
    const { state, take } = create()
    const kept = Promise.withResolvers<void>()
    state.keep = () => kept.promise
    let isAnswered = false
    const answered = take('{"n":1}\n{bad\n').then(() => (isAnswered = true))
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isAnswered, false)
    kept.resolve()
    await answered
    assert.equal(state.kept.length, 1)

    state.keep = full
    state.appended.length = 0
    await assert.rejects(take('{"n":1}\n{bad\n'), { code: 'DEAD_LETTER_FULL', httpStatus: 503 })
    assert.deepEqual(state.appended, [], 'or the good records would be there twice when they come again')
  })

  it('refuses an unreadable body only when it is kept', async () => {
    const { state, take } = create()
    await assert.rejects(take('nonsense'), { httpStatus: 400 })
    assert.equal(state.kept[0]?.bytes.toString(), 'nonsense')
    state.keep = full
    for (const headers of [{}, { 'content-encoding': 'lzma' }, { 'content-encoding': 'gzip' }] as Record<
      string,
      string
    >[]) {
      await assert.rejects(take('nonsense', headers), { httpStatus: 503 })
    }
  })

  it('says 503 before the shipper stops waiting', async () => {
    const { state, take, clock } = create()
    state.append = () => new Promise(() => undefined)
    const refused = assert.rejects(take('{"n":1}'), { code: 'HTTP_REPLY_TIMEOUT', httpStatus: 503 })
    await waitFor('the append', () => state.appended.length)
    await clock.advanceAndSettle(limits.replyTimeoutMs)
    await refused
    assert.ok(limits.replyTimeoutMs < 60_000)
  })

  it('gives back the room that a request took, however it ends', async () => {
    const { state, take, heldBytes } = create()
    const zip = gzipSync('{"n":1}')
    await take(zip, { 'content-encoding': 'gzip' })
    await assert.rejects(take('nonsense'))
    await assert.rejects(take('x'.repeat(2_000)))
    state.append = () => Promise.reject(new SidecarError('JOURNAL_FULL', 'full'))
    await assert.rejects(take('{"n":1}'), { code: 'JOURNAL_FULL' })
    assert.equal(await heldBytes(), 0)

    const written = Promise.withResolvers<void>()
    state.append = () => written.promise
    state.appended.length = 0
    const answered = take(zip, { 'content-encoding': 'gzip' })
    await waitFor('the append', () => state.appended.length)
    assert.equal(await heldBytes(), zip.length + '{"n":1}'.length, 'compressed and inflated')
    written.resolve()
    await answered
  })

  it('keeps every record of an unknown route, or refuses them all', async () => {
    const route = () => {
      throw new SidecarError('ROUTE_NOT_FOUND', 'no such route')
    }
    const keeping = create({ route })
    assert.deepEqual(await keeping.take('[{"n":1},{"n":2},nan]'), { records: 0, deadLetters: 3 })
    assert.deepEqual(
      keeping.state.kept.map(({ code, destination }) => [code, destination]),
      [
        ['DECODE_NOT_JSON', '/path'],
        ['ROUTE_NOT_FOUND', '/path'],
        ['ROUTE_NOT_FOUND', '/path'],
      ],
    )
    const refusing = create({ route, unrouted: 'reject' })
    await assert.rejects(refusing.take('{"n":1}'), { httpStatus: 404 })
    assert.deepEqual(refusing.state.kept, [])
  })
})
