import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { limits } from '../../../sidecar/core/limits.ts'
import type { DeadLetter, Division, Shape } from '../../../sidecar/core/ports.ts'
import type { RequestHead } from '../../../sidecar/core/request-head.ts'
import type { RequestMark } from '../../../sidecar/core/request-slice.ts'
import { recordCount, recordsOf, type RecordBlock } from '../../../sidecar/core/record-block.ts'
import { decode } from '../../../sidecar/decode/decode.ts'
import { decompress } from '../../../sidecar/decode/decompress.ts'
import { BodyIntake } from '../../../sidecar/http/body-intake.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { aBlock, aTarget, someRecordSettings } from '../../helpers/batches.ts'
import { waitFor } from '../../helpers/wait.ts'

type Overrides = {
  readonly unrouted?: 'dead_letter' | 'reject'
  readonly divide?: (block: RecordBlock) => Division
  readonly shape?: Shape
}

function create(overrides: Overrides = {}) {
  const clock = new ManualClock()
  const state = {
    appended: [] as { table: string; block: RecordBlock }[],
    kept: [] as DeadLetter[],
    marks: [] as (RequestMark | undefined)[],
    heldBytes: 0,
    append: async (): Promise<void> => undefined,
    ensureRoom: (): void => undefined,
    hasRoom: true,
    keep: async (): Promise<void> => undefined,
  }
  const bodyIntake = new BodyIntake({
    decode,
    decompress,
    router: {
      plan: () => ({
        records: someRecordSettings(),
        divide: overrides.divide ?? ((block) => ({ routed: [{ target: aTarget(), block }], unrouted: [] })),
      }),
      targetFor: () => aTarget(),
    },
    shape: overrides.shape ?? ((block) => ({ block, rejected: [] })),
    intake: {
      ensureRoom: () => state.ensureRoom(),
      append: async (parts, mark) => {
        state.marks.push(mark)
        state.appended.push(...parts.map(({ target, block }) => ({ table: target.destination.table, block })))
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
    clock,
    metrics: createMetrics(),
  })
  const count = (bytesCount: number) => void (state.heldBytes += bytesCount)
  const hold = () => () => undefined
  const room = { take: async (amount: number) => count(amount), hasRoom: () => state.hasRoom, count, hold }
  const take = (body: string | Buffer, head: Partial<RequestHead> = {}, mark?: RequestMark) =>
    bodyIntake.take(Buffer.from(body as string), { path: '/path', ...head }, room, mark)
  return { clock, state, take }
}

/** Divides by whether the record holds the text. */
function divideBy(text: string, others: Division['routed'][number]['target'] | SidecarError) {
  return (block: RecordBlock): Division => {
    const [wanted, rest] = [true, false].map((isWanted) =>
      aBlock([...recordsOf(block)].map(String).filter((record) => record.includes(text) === isWanted)),
    ) as [RecordBlock, RecordBlock]
    const routed = [{ target: aTarget(), block: wanted }]
    if (others instanceof SidecarError) return { routed, unrouted: [{ block: rest, why: others }] }
    return { routed: [...routed, { target: others, block: rest }], unrouted: [] }
  }
}

const full = () => Promise.reject(new SidecarError('DEAD_LETTER_FULL', 'full'))

describe('BodyIntake', () => {
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
    for (const head of [{}, { contentEncoding: 'lzma' }, { contentEncoding: 'gzip' }]) {
      await assert.rejects(take('nonsense', head), { httpStatus: 503 })
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

  it('hands on which request it is, and says of a late one that it will not be stored twice', async () => {
    const mark = { key: '0'.repeat(32), connection: '', requestNumber: 1, fingerprint: 1 }
    const { state, take, clock } = create()
    await take('{"n":1}')
    await take('{"n":1}', {}, mark)
    assert.deepEqual(state.marks, [undefined, mark])
    state.append = () => new Promise(() => undefined)
    const late = [
      assert.rejects(take('{"n":1}'), /may then be stored twice/),
      assert.rejects(take('{"n":1}', {}, mark), /is not stored again/),
    ]
    await waitFor('the appends', () => state.appended.length === 4)
    await clock.advanceAndSettle(limits.replyTimeoutMs)
    await Promise.all(late)
  })

  it('asks for room for what a body grows to, and keeps one that grows over the limit', async () => {
    const { state, take } = create()
    await take(gzipSync('{"n":1}'), { contentEncoding: 'gzip' })
    assert.equal(state.heldBytes, '{"n":1}'.length)
    const bomb = gzipSync(`{"a":"${'x'.repeat(2_000)}"}`)
    await assert.rejects(take(bomb, { contentEncoding: 'gzip' }), { httpStatus: 413 })
    assert.deepEqual(
      state.kept.map(({ bytes }) => bytes),
      [bomb],
    )
    const large = `{"a":"${'x'.repeat(1_000)}"}`
    await assert.rejects(take(large), { httpStatus: 413 })
    assert.equal(state.kept[1]?.bytes.toString(), large)
    assert.equal(state.appended.length, 1)
    state.keep = full
    await assert.rejects(take(large), { httpStatus: 503 })
  })

  it('keeps every record without a destination, or refuses them all', async () => {
    const why = new SidecarError('ROUTE_NOT_FOUND', 'no such route')
    const divide = (block: RecordBlock): Division => ({ routed: [], unrouted: [{ block, why }] })
    const keeping = create({ divide })
    assert.deepEqual(await keeping.take('[{"n":1},{"n":2},nan]'), { records: 0, deadLetters: 3 })
    assert.deepEqual(
      keeping.state.kept.map(({ code, destination }) => [code, destination]),
      [
        ['DECODE_NOT_JSON', '/path'],
        ['ROUTE_NOT_FOUND', '/path'],
        ['ROUTE_NOT_FOUND', '/path'],
      ],
    )
    const refusing = create({ divide, unrouted: 'reject' })
    await assert.rejects(refusing.take('{"n":1}'), { httpStatus: 404 })
    assert.deepEqual(refusing.state.kept, [])
  })

  it('keeps the records without a destination as one dead letter from the thousands on', async () => {
    const why = new SidecarError('ROUTE_NOT_FOUND', 'no such route')
    const { state, take } = create({
      divide: () => {
        const records = Array.from({ length: limits.rejectedMaxCount + 3 }, (_, n) => `{"n":${n}}`)
        return { routed: [], unrouted: [{ block: aBlock(records), why }] }
      },
    })
    const { deadLetters } = await take('{"n":1}')
    assert.equal(deadLetters, limits.rejectedMaxCount + 1)
    const last = state.kept.at(-1)
    assert.equal(last?.bytes.toString(), '{"n":5000}\n{"n":5001}\n{"n":5002}')
    assert.equal(last?.reason, 'no such route These are the other 3 such records of the body.')
  })

  it('keeps a record without a destination even with "reject" when a neighbour has one', async () => {
    const divide = divideBy('good', new SidecarError('ROUTE_NOT_ALLOWED', 'not allowed'))
    const { state, take } = create({ divide, unrouted: 'reject' })
    assert.deepEqual(await take('{"n":"good"}\n{"n":"bad"}\n'), { records: 1, deadLetters: 1 })
    assert.equal(state.kept[0]?.bytes.toString(), '{"n":"bad"}')
  })

  it('answers when all destinations of a body are safe, and with an error when one of them is not', async () => {
    const { state, take } = create({ divide: divideBy('a', aTarget({ destination: { table: 'Other' } })) })
    assert.deepEqual(await take('{"n":"a"}\n{"n":"b"}\n{"n":"b"}\n'), { records: 3, deadLetters: 0 })
    assert.deepEqual(
      state.appended.map(({ table, block }) => [table, recordCount(block)]),
      [
        ['App', 1],
        ['Other', 2],
      ],
    )
    state.append = () => Promise.reject(new SidecarError('JOURNAL_FULL', 'full'))
    await assert.rejects(take('{"n":"a"}\n{"n":"b"}\n'), { code: 'JOURNAL_FULL' })
  })

  it('keeps what cannot be brought into shape, and stores its neighbours in their shape', async () => {
    const rejected = [
      { code: 'RECORD_VALUE_TOO_LARGE', reason: 'too large', bytes: Buffer.from('{"n":2}') },
    ] as const
    const { state, take } = create({ shape: () => ({ block: aBlock(['{"log":{"n":1}}']), rejected }) })
    assert.deepEqual(await take('{"n":1}{"n":2}', { tag: 't' }), { records: 1, deadLetters: 1 })
    assert.equal(state.appended[0]?.block.bytes.toString(), '{"log":{"n":1}}\n')
    const [letter] = state.kept
    assert.equal(letter?.destination, 'Logs.App')
    assert.deepEqual(letter?.origin, {
      kind: 'request',
      head: { path: '/path', tag: 't', contentType: 'application/x-ndjson' },
    })
  })

  it('says of each dead letter what it takes to send it again', async () => {
    const { state, take } = create()
    const head = { contentType: 'application/json', contentEncoding: 'gzip' }
    await take(gzipSync('{"n":1}\n{bad\n'), head)
    await assert.rejects(take('nonsense', head))
    const { contentType } = head
    assert.deepEqual(
      state.kept.map(({ origin }) => origin),
      [
        { kind: 'request', head: { path: '/path', contentType } },
        { kind: 'request', head: { path: '/path', ...head } },
      ],
      'a piece of a body is no longer compressed, the body is as it came',
    )
  })

  it('keeps nothing of a body for whose good records there is no room', async () => {
    const { state, take } = create()
    state.ensureRoom = () => {
      throw new SidecarError('JOURNAL_FULL', 'full')
    }
    await assert.rejects(take('{"n":1}\n{bad\n'), { code: 'JOURNAL_FULL' })
    assert.deepEqual([state.kept, state.appended], [[], []], 'it comes again, and then the bad record too')
  })

  it('counts what is made of a body, and gives up what grows much when there is no room', async () => {
    const array = `[{"n":1},${' '.repeat(500)}{"n":2}]`
    const { state, take } = create({
      shape: () => ({ block: aBlock([`{"a":"${'x'.repeat(500_000)}"}`]), rejected: [] }),
    })
    await take(array)
    const shapedBytes = '{"a":""}\n'.length + 500_000
    assert(state.heldBytes >= shapedBytes)
    state.hasRoom = false
    await assert.rejects(take(array), { code: 'HTTP_OVERLOADED' })
    assert.equal(state.appended.length, 1)
    const modest = create()
    modest.state.hasRoom = false
    assert.equal((await modest.take(array)).records, 2)
  })
})
