import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { limits } from '../../../sidecar/core/limits.ts'
import type { RequestHead } from '../../../sidecar/core/request-head.ts'
import { BodyMemoryPool } from '../../../sidecar/http/body-memory.ts'
import { Ingest } from '../../../sidecar/http/ingest.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { waitFor } from '../../helpers/wait.ts'

const result = { records: 1, deadLetters: 0 }

type Options = { maxInFlightRequests?: number; joinIdenticalRequests?: boolean }

function create({ maxInFlightRequests = 100, joinIdenticalRequests = true }: Options = {}) {
  const clock = new ManualClock()
  const metrics = createMetrics()
  const state = { taken: [] as string[], take: async () => result }
  const ingest = new Ingest({
    bodyIntake: {
      take: async (body, _head, room) => {
        state.taken.push(body.toString())
        await room.take(5)
        return state.take()
      },
    },
    bodyMemory: new BodyMemoryPool(),
    maxBodyBytes: 1_000,
    maxInFlightBytes: 10_000,
    maxInFlightRequests,
    joinIdenticalRequests,
    dedup: undefined,
    clock,
    metrics,
  })
  let connections = 0
  const take = (body: string, options: Sending = {}) => {
    const {
      socket = { remoteAddress: `10.0.0.1`, destroyed: false, id: ++connections },
      headers = {},
      userAgent = 'Fluent-Bit',
      head = {},
      method = 'POST',
    } = options
    const request = Object.assign(Readable.from([Buffer.from(body)]), {
      headers: { 'user-agent': userAgent, ...headers },
      socket,
      method,
    })
    return ingest.take(request as unknown as IncomingMessage, { path: '/path', ...head })
  }
  const gauge = async (name: 'httpInFlightBytes' | 'httpInFlightRequests' | 'httpJoinedRequests') =>
    (await metrics[name].get()).values[0]?.value ?? 0
  return { clock, state, take, gauge }
}

type Sending = {
  readonly socket?: object
  readonly headers?: Record<string, string>
  readonly userAgent?: string
  readonly head?: Partial<RequestHead>
  readonly method?: string
}

/** A connection that the client may close. */
function connection() {
  return { remoteAddress: '10.0.0.1', destroyed: false }
}

/** A request that stays in work until it is told to end. */
function hold(state: { take: () => Promise<typeof result> }) {
  const held = Promise.withResolvers<typeof result>()
  state.take = () => held.promise
  return held
}

describe('Ingest', () => {
  it('gives back the room that a request took, however it ends', async () => {
    const { state, take, gauge } = create()
    await take('{"n":1}')
    await assert.rejects(take('x'.repeat(2_001)), { httpStatus: 413 })
    state.take = () => Promise.reject(new SidecarError('JOURNAL_FULL', 'full'))
    await assert.rejects(take('{"n":1}'), { code: 'JOURNAL_FULL' })
    assert.deepEqual([await gauge('httpInFlightBytes'), await gauge('httpInFlightRequests')], [0, 0])

    const held = hold(state)
    const answered = take('{"n":1}')
    await waitFor('the body', () => state.taken.length === 3)
    assert.equal(await gauge('httpInFlightBytes'), '{"n":1}'.length + 5, 'the body and what it grew by')
    held.resolve(result)
    await answered
  })

  it('sends requests away when too many are in work, after a moment', async () => {
    const { state, take, clock } = create({ maxInFlightRequests: 2 })
    const held = hold(state)
    const answers = [take('a'), take('b')]
    await waitFor('both', () => state.taken.length === 2)
    const refused = assert.rejects(take('c'), { code: 'HTTP_OVERLOADED', message: /max_in_flight_requests/ })
    const waiting = take('d')
    waiting.catch(() => undefined)
    await clock.advanceAndSettle(limits.overloadHoldMs - 1)
    assert.equal(state.taken.length, 2)
    await clock.advanceAndSettle(1)
    await refused
    held.resolve(result)
    await Promise.all(answers)
    assert.deepEqual(await take('e'), result, 'recovers without a restart')
  })

  it('answers a retry with the result of the first, whose connection was closed', async () => {
    const { state, take, gauge } = create()
    const held = hold(state)
    const sockets = [connection(), connection(), connection()]
    const answers: Promise<unknown>[] = []
    for (const [index, socket] of sockets.entries()) {
      answers.push(take('same', { socket }))
      await waitFor(
        'the request',
        async () => state.taken.length + (await gauge('httpJoinedRequests')) > index,
      )
      socket.destroyed = true
    }
    assert.deepEqual(state.taken, ['same'])
    assert.equal(await gauge('httpInFlightBytes'), 'same'.length + 5, 'only the first holds room')
    held.resolve(result)
    assert.deepEqual(await Promise.all(answers), [result, result, result])
    await take('same')
    assert.deepEqual(state.taken, ['same', 'same'], 'afterwards it is a new request')
  })

  it('takes equal requests of Fluent Bit and Vector for what they are while each is waited for: records of their own', async () => {
    for (const userAgent of ['Fluent-Bit', 'Vector/0.58.0 (x86_64-unknown-linux-gnu)']) {
      const { state, take, gauge } = create()
      const held = hold(state)
      const answers = [1, 2, 3].map(() => take('same', { userAgent }))
      await waitFor('all of them', () => state.taken.length === 3)
      assert.equal(await gauge('httpJoinedRequests'), 0)
      held.resolve(result)
      await Promise.all(answers)
    }
  })

  it('joins equal requests of other senders also while the first is waited for, but for those on one connection', async () => {
    const { state, take, gauge } = create()
    const held = hold(state)
    const socket = connection()
    const userAgent = 'curl/8.1'
    const answers = [take('same', { userAgent, socket }), take('same', { userAgent, socket })]
    await waitFor('both of one connection', () => state.taken.length === 2)
    answers.push(take('same', { userAgent }), take('same', { userAgent }))
    await waitFor('the joining', async () => (await gauge('httpJoinedRequests')) === 2)
    assert.equal(state.taken.length, 2)
    held.resolve(result)
    assert.deepEqual(await Promise.all(answers), [result, result, result, result])
  })

  it('lets only one request be the retry of one that was given up', async () => {
    const { state, take, gauge } = create()
    const held = hold(state)
    const socket = connection()
    const answers = [take('same', { socket }), take('same')]
    await waitFor('both', () => state.taken.length === 2)
    socket.destroyed = true
    answers.push(take('same'))
    await waitFor('the joining', async () => (await gauge('httpJoinedRequests')) === 1)
    answers.push(take('same'))
    await waitFor('the request of its own', () => state.taken.length === 3)
    assert.equal(await gauge('httpJoinedRequests'), 1)
    held.resolve(result)
    await Promise.all(answers)
  })

  it('tells a joined request the error of the first', async () => {
    const { state, take, gauge } = create()
    const held = hold(state)
    const socket = connection()
    const first = take('same', { socket })
    await waitFor('the first', () => state.taken.length === 1)
    socket.destroyed = true
    const answers = Promise.allSettled([first, take('same')])
    await waitFor('the joining', async () => (await gauge('httpJoinedRequests')) === 1)
    held.reject(new SidecarError('JOURNAL_FULL', 'full'))
    assert.deepEqual(
      (await answers).map(({ status }) => status),
      ['rejected', 'rejected'],
    )
  })

  it('joins nothing that differs in what the shipper said', async () => {
    const socket = connection()
    const differing: Sending[] = [
      {},
      { head: { path: '/other' } },
      { head: { tag: 'kube' } },
      { head: { contentEncoding: 'gzip' } },
      { head: { contentType: 'text/plain' } },
      { method: 'PUT' },
      { socket: { remoteAddress: '10.0.0.2' } },
      { headers: { 'idempotency-key': 'k' } },
    ]
    const { state, take, gauge } = create()
    const held = hold(state)
    const first = take('same', { socket })
    await waitFor('the first', () => state.taken.length === 1)
    socket.destroyed = true
    const answers = differing.slice(1).map((options) => take('same', options))
    await waitFor('all of them', () => state.taken.length === differing.length)
    assert.equal(await gauge('httpJoinedRequests'), 0)
    held.resolve(result)
    await Promise.all([first, ...answers])
  })

  it('never joins different bodies, whatever key their senders give', async () => {
    const { state, take, gauge } = create()
    const held = hold(state)
    const headers = { 'idempotency-key': 'k' }
    const socket = connection()
    const answers = [take('one', { headers, socket })]
    await waitFor('the first', () => state.taken.length === 1)
    socket.destroyed = true
    answers.push(take('two', { headers }))
    await waitFor('both', () => state.taken.length === 2)
    assert.equal(await gauge('httpJoinedRequests'), 0)
    held.resolve(result)
    await Promise.all(answers)
  })

  it('joins nothing when that is switched off', async () => {
    const { state, take } = create({ joinIdenticalRequests: false })
    const held = hold(state)
    const socket = connection()
    const answers = [take('same', { socket })]
    await waitFor('the first', () => state.taken.length === 1)
    socket.destroyed = true
    answers.push(take('same'))
    await waitFor('both', () => state.taken.length === 2)
    held.resolve(result)
    await Promise.all(answers)
  })
})
