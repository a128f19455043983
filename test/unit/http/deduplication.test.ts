/** On real connections: what is a repetition, and what is only equal. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDedupClient, repeated, stored } from '../../helpers/dedup-client.ts'
import { rawPost } from '../../helpers/raw-http.ts'
import { waitFor } from '../../helpers/wait.ts'

describe('a request that comes again', () => {
  it('on a new connection after its answer was lost is answered, and not stored again', async (t) => {
    const { state, open, postAnew, repeatedCount, logLines } = await createDedupClient(t)
    const lost = Promise.withResolvers<void>()
    state.beforeAnswer = () => lost.promise
    const first = await open()
    first.write(rawPost('/', 'same'))
    await waitFor('the record', () => state.stored.length)
    first.socket.destroy()
    await first.closed()
    lost.resolve()
    assert.deepEqual(await postAnew(), repeated)
    assert.deepEqual(await postAnew(), repeated, 'its answer may have been lost too')
    assert.deepEqual(state.stored, ['same'])
    assert.equal(await repeatedCount(), 2)
    const lines = logLines.filter((line) => line.includes('http.repeated'))
    assert.equal(lines.length, 1, 'the log is not flooded')
    assert(!lines.some((line) => line.includes('same')), 'and holds nothing of the body')
  })

  it('is answered as OTLP where that is spoken', async (t) => {
    const { open, post, state } = await createDedupClient(t)
    const headers = { 'Content-Type': 'application/json' }
    await post(await open(), '{}', headers, '/v1/logs')
    const again = await open()
    again.write(rawPost('/v1/logs', '{}', headers))
    const { status, body } = await again.answer()
    assert.deepEqual([status, body.toString(), state.stored.length], [200, '{}', 1])
  })

  it('over HTTP/1.0, or with a connection for each request, is recognised', async (t) => {
    const { state, open, post } = await createDedupClient(t)
    const close = { Connection: 'close' }
    assert.deepEqual(await post(await open(), 'same', close), stored)
    assert.deepEqual(await post(await open(), 'same', close), repeated)
    const old = await open()
    old.write(rawPost('/', 'same').replace('HTTP/1.1', 'HTTP/1.0'))
    assert.equal((await old.answer()).status, 200)
    await old.closed()
    assert.deepEqual(state.stored, ['same'])
  })

  it('after a 503 for a request that was stored all the same is recognised, also on its connection', async (t) => {
    const { state, open, post, refuse } = await createDedupClient(t)
    const connection = await open()
    state.beforeAnswer = refuse
    assert.equal(await post(connection), 503)
    state.beforeAnswer = async () => undefined
    assert.deepEqual(await post(connection), repeated)
    assert.deepEqual(await post(connection, 'other'), stored)
    assert.deepEqual(await post(connection), stored, 'the answer to the retry was read')
    const [first, ...rest] = state.marks
    assert(
      rest.every((mark) => mark?.connection !== first?.connection),
      'it counts for another connection',
    )
  })

  it('after a 503 before which nothing was stored is stored', async (t) => {
    const { state, open, post, refuse } = await createDedupClient(t)
    const connection = await open()
    state.beforeStore = refuse
    assert.equal(await post(connection), 503)
    state.beforeStore = async () => undefined
    assert.deepEqual(await post(connection), stored)
    assert.deepEqual(state.stored, ['same'])
  })

  it('while the first is in work gets its answer', async (t) => {
    const { state, open, post, metrics } = await createDedupClient(t)
    const held = Promise.withResolvers<void>()
    state.beforeStore = () => held.promise
    const answers = [post(await open()), post(await open())]
    await waitFor('the joining', async () => (await metrics.httpJoinedRequests.get()).values[0]?.value)
    held.resolve()
    assert.deepEqual(await Promise.all(answers), [stored, stored])
    assert.deepEqual(state.stored, ['same'])
  })
})

describe('an equal body that is no repetition', () => {
  it('is stored each time on one connection', async (t) => {
    const { state, open, post } = await createDedupClient(t)
    const connection = await open()
    for (let n = 0; n < 100; n += 1) assert.deepEqual(await post(connection), stored)
    assert.equal(state.stored.length, 100)
    const names = new Set(state.marks.map((mark) => mark?.connection))
    assert.equal(names.size, 1)
    assert.match([...names][0] ?? '', /^[0-9a-f]{16}$/)
    assert.deepEqual(
      state.marks.map((mark) => mark?.requestNumber),
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    assert.equal(state.marks[0]?.fingerprint, 7)
  })

  it('is stored after any other request on the connection, also one that posts nothing', async (t) => {
    const { open, post, postAnew } = await createDedupClient(t)
    const connection = await open()
    assert.deepEqual(await post(connection), stored)
    connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal((await connection.answer()).status, 200)
    assert.deepEqual(await postAnew(), stored)
  })

  it('on another connection is suppressed as long as the first is silent, which is the price', async (t) => {
    const { state, open, post, postAnew } = await createDedupClient(t)
    const first = await open()
    assert.deepEqual(await post(first), stored)
    assert.deepEqual(await postAnew(), repeated)
    assert.deepEqual(await post(first, 'other'), stored)
    assert.deepEqual(await postAnew(), stored, 'the answer to the first was read')
    assert.equal(state.stored.length, 3)
  })

  it('is stored from wherever it comes, when only an Idempotency-Key counts', async (t) => {
    const { state, postAnew } = await createDedupClient(t, { mode: 'idempotency_key' })
    assert.deepEqual([await postAnew(), await postAnew()], [stored, stored])
    assert.deepEqual(state.marks, [undefined, undefined])
  })

  it('is stored when it is sent before the answer, and what is sent later proves nothing any more', async (t) => {
    const { state, open, post, postAnew } = await createDedupClient(t)
    const connection = await open()
    const held = Promise.withResolvers<void>()
    state.beforeStore = () => held.promise
    connection.write(rawPost('/', 'same') + rawPost('/', 'same') + rawPost('/', 'third'))
    await waitFor('all three', () => state.marks.length === 3)
    held.resolve()
    for (let n = 0; n < 3; n += 1) assert.equal((await connection.answer()).status, 200)
    assert.deepEqual(state.stored.toSorted(), ['same', 'same', 'third'])
    assert.equal(state.marks[2]?.connection, '')
    assert.deepEqual(await post(connection, 'fourth'), stored)
    assert.deepEqual(await post(connection, 'fifth'), stored)
    assert.deepEqual(await postAnew('fourth'), repeated)
    assert.deepEqual(
      state.marks.slice(3).map((mark) => mark?.connection),
      ['', ''],
    )
  })
})

describe('journal.dedup_forget_when_read', () => {
  it('never: nothing is forgotten by what is sent after it', async (t) => {
    const { state, open, post } = await createDedupClient(t, { forgetWhenRead: 'never' })
    const connection = await open()
    assert.deepEqual(await post(connection), stored)
    assert.deepEqual(await post(connection), repeated)
    assert.equal(await post(connection, '', {}, '/-/x'), 404)
    assert.deepEqual(await post(connection, 'other'), stored)
    assert(
      state.marks.every((mark) => mark?.connection === ''),
      'also after an answer that is not 2xx',
    )
  })

  it('loopback: not of a connection that shows a proxy, which may have read the answer alone', async (t) => {
    const { open, post } = await createDedupClient(t)
    for (const header of ['Via', 'Forwarded', 'X-Forwarded-For']) {
      const connection = await open()
      assert.deepEqual(await post(connection, header, { [header]: 'x' }), stored)
      assert.deepEqual(await post(connection, header, { [header]: 'x' }), repeated)
    }
  })

  it('all: of every connection', async (t) => {
    const { open, post } = await createDedupClient(t, { forgetWhenRead: 'all' })
    const connection = await open()
    assert.deepEqual(await post(connection, 'same', { Via: 'x' }), stored)
    assert.deepEqual(await post(connection, 'same', { Via: 'x' }), stored)
  })
})

describe('the key of a request', () => {
  it('differs with everything that decides what is stored where', async (t) => {
    const { state, postAnew, open } = await createDedupClient(t)
    const all: [string, Record<string, string>, string][] = [
      ['same', {}, '/'],
      ['other', {}, '/'],
      ['same', {}, '/ingest/a'],
      ['same', { 'X-Tag': 'a' }, '/'],
      ['same', { 'X-Tag': '' }, '/'],
      ['same', { 'Content-Type': 'a' }, '/'],
      ['same', { 'Content-Encoding': 'a' }, '/'],
      ['same', { 'Idempotency-Key': 'a' }, '/'],
    ]
    for (const request of all) assert.deepEqual(await postAnew(...request), stored, JSON.stringify(request))
    const put = await open()
    put.write(rawPost('/', 'same').replace('POST', 'PUT'))
    await put.answer()
    assert.equal(state.stored.length, all.length + 1)
    for (const request of all) assert.deepEqual(await postAnew(...request), repeated, JSON.stringify(request))
    assert.equal(new Set(state.marks.map((mark) => mark?.key)).size, all.length + 1)
    for (const mark of state.marks) assert.match(mark?.key ?? '', /^[0-9a-f]{32}$/)
  })

  it('does not believe who a sender says that he is', async (t) => {
    const { postAnew } = await createDedupClient(t)
    assert.deepEqual(await postAnew('same', { 'X-Forwarded-For': '10.0.0.1' }), stored)
    assert.deepEqual(await postAnew('same', { 'X-Forwarded-For': '10.0.0.2' }), repeated)
  })

  it('has an Idempotency-Key or not, as the mode says', async (t) => {
    const key = (value: string) => ({ 'Idempotency-Key': value })
    const cases = {
      auto: [stored, repeated, stored, stored, repeated],
      content: [stored, repeated, repeated, repeated, repeated],
      idempotency_key: [stored, repeated, stored, stored, stored],
    } as const
    for (const [mode, expected] of Object.entries(cases)) {
      const { postAnew } = await createDedupClient(t, { mode: mode as keyof typeof cases })
      const answers = [
        await postAnew('same', key('a')),
        await postAnew('same', key(' a ')),
        await postAnew('same', key('b')),
        await postAnew('same'),
        await postAnew('same'),
      ]
      assert.deepEqual(answers, expected, mode)
    }
  })

  it('never makes one of two bodies, whatever their sender promises', async (t) => {
    const { postAnew } = await createDedupClient(t, { mode: 'idempotency_key' })
    const headers = { 'Idempotency-Key': 'a' }
    assert.deepEqual([await postAnew('one', headers), await postAnew('two', headers)], [stored, stored])
  })

  it('is that of the content when the Idempotency-Key cannot be used, which is told seldom', async (t) => {
    const { postAnew, logLines } = await createDedupClient(t)
    const long = 'x'.repeat(257)
    assert.deepEqual(await postAnew('same', { 'Idempotency-Key': 'a b' }), stored)
    assert.deepEqual(await postAnew('same', { 'Idempotency-Key': long }), repeated)
    assert.deepEqual(await postAnew('same', { 'Idempotency-Key': '\u00e4' }), repeated)
    assert.deepEqual(await postAnew('same', { 'Idempotency-Key': long.slice(1) }), stored)
    assert.equal(logLines.filter((line) => line.includes('http.idempotency_key_ignored')).length, 1)
  })
})

describe('without de-duplication', () => {
  it('everything is stored, and nothing is marked', async (t) => {
    const { state, postAnew, open, post } = await createDedupClient(t, { isDedupOn: false })
    const connection = await open()
    const answers = [await post(connection), await post(connection), await postAnew(), await postAnew()]
    assert.deepEqual(answers, [stored, stored, stored, stored])
    assert.deepEqual(state.marks, [undefined, undefined, undefined, undefined])
  })
})
