/** On real connections: what their ends say of the requests on them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDedupClient, repeated, stored } from '../../helpers/dedup-client.ts'
import { rawPost } from '../../helpers/raw-http.ts'
import { waitFor } from '../../helpers/wait.ts'

describe('an equal body of a shipper that closes its connection before it sends again', () => {
  const shipper = { 'User-Agent': 'Fluent-Bit' }

  it('is stored while the answer to the first may still be read, and its own retry is recognised', async (t) => {
    const { state, open, post } = await createDedupClient(t)
    const [first, second] = [await open(), await open()]
    assert.deepEqual(await post(first, 'same', shipper), stored)
    assert.deepEqual(await post(second, 'same', shipper), stored)
    await second.end()
    assert.deepEqual(await post(await open(), 'same', shipper), repeated, 'the retry of the second')
    assert.deepEqual(await post(await open(), 'same', shipper), stored, 'all others are open')
    await first.end()
    assert.deepEqual(await post(await open(), 'same', shipper), repeated, 'the retry of the first')
    assert.equal(state.stored.length, 3)
    assert.equal(new Set(state.marks.map((mark) => mark?.key)).size, 3)
  })

  it('is stored while the first is in work and waited for, and joined once that was given up', async (t) => {
    const { state, open, post, metrics } = await createDedupClient(t)
    const held = Promise.withResolvers<void>()
    state.beforeStore = () => held.promise
    const first = await open()
    first.write(rawPost('/', 'same', shipper))
    const second = post(await open(), 'same', shipper)
    await waitFor('both', () => state.marks.length === 2)
    first.socket.destroy()
    await first.closed()
    const third = post(await open(), 'same', shipper)
    await waitFor('the joining', async () => (await metrics.httpJoinedRequests.get()).values[0]?.value)
    held.resolve()
    assert.deepEqual(await Promise.all([second, third]), [stored, stored])
    assert.equal(state.stored.length, 2)
  })

  it('is joined when the request, the end of its connection and the retry are all found at once', async (t) => {
    const { state, open, post } = await createDedupClient(t)
    for (let round = 1; round <= 20; round += 1) {
      const [first, second] = [await open(), await open()]
      first.write(rawPost('/', `same ${round}`, shipper))
      first.socket.destroy()
      await post(second, `same ${round}`, shipper)
      await first.closed()
      assert.equal(state.stored.length, round)
    }
  })

  it('is stored once when the first connection was reset, wherever its request was found', async (t) => {
    const { state, open, post } = await createDedupClient(t)
    for (let round = 1; round <= 20; round += 1) {
      const [first, second] = [await open(), await open()]
      first.write(rawPost('/', `same ${round}`, shipper))
      first.socket.resetAndDestroy()
      await post(second, `same ${round}`, shipper)
      await first.closed()
      assert.equal(state.stored.length, round)
    }
  })

  it('is recognised whatever connections are open where a proxy shows itself', async (t) => {
    const { open, post } = await createDedupClient(t)
    const headers = { ...shipper, Via: 'x' }
    assert.deepEqual(await post(await open(), 'same', headers), stored)
    assert.deepEqual(await post(await open(), 'same', headers), repeated)
  })
})

describe('a connection that ends in order', () => {
  it('some seconds after an answer shows that it was read, and at once it shows nothing', async (t) => {
    const { state, open, post, clock } = await createDedupClient(t)
    const quick = await open()
    assert.deepEqual(await post(quick, 'quick'), stored)
    await quick.end()
    const idle = await open()
    assert.deepEqual(await post(idle, 'idle'), stored)
    clock.advance(5_000)
    await idle.end()
    assert.deepEqual(await post(await open(), 'quick'), repeated)
    assert.deepEqual(await post(await open(), 'idle'), stored)
    assert.deepEqual(state.stored, ['quick', 'idle', 'idle'])
  })

  it('shows nothing when it was reset', async (t) => {
    const { open, post, clock } = await createDedupClient(t)
    const connection = await open()
    assert.deepEqual(await post(connection), stored)
    clock.advance(5_000)
    connection.socket.resetAndDestroy()
    await connection.closed()
    await waitFor('the server to notice', async () => (await post(await open(), 'other')) !== undefined)
    assert.deepEqual(await post(await open()), repeated)
  })
})
