import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decompress } from '../../../sidecar/decode/decompress.ts'
import { readWireRequest } from '../../helpers/wire.ts'

const text = Buffer.from('{"a":1}\n'.repeat(100))
const gzip = gzipSync(text)

describe('decompress', () => {
  it('gives a body without encoding as it is', async () => {
    for (const encoding of [undefined, '', ' ', 'identity', ' Identity ']) {
      assert.equal(await decompress(text, encoding, 1_000), text)
    }
  })

  it('undoes gzip under its names in any case', async () => {
    for (const encoding of ['gzip', 'GZIP', ' x-gzip ']) {
      assert.deepEqual(await decompress(gzip, encoding, text.length), text)
    }
  })

  it('undoes what Fluent Bit sends', async () => {
    const { headers, body } = readWireRequest('json-lines.gzip.basic-auth')
    const plain = await decompress(body, headers.get('content-encoding'), 1_000_000)
    assert.equal(plain.toString().split('\n').length, 401)
  })

  it('joins several gzip members', async () => {
    assert.deepEqual(
      await decompress(Buffer.concat([gzip, gzip]), 'gzip', 2_000),
      Buffer.concat([text, text]),
    )
  })

  it('allows exactly maxBytes, with and without encoding', async () => {
    const tooLarge = { code: 'HTTP_BODY_TOO_LARGE', httpStatus: 413, message: /larger than 0\.000799 MB/ }
    await assert.rejects(decompress(gzip, 'gzip', text.length - 1), tooLarge)
    await assert.rejects(decompress(text, undefined, text.length - 1), tooLarge)
    assert.equal((await decompress(text, undefined, text.length)).length, text.length)
  })

  it('stops early in a bomb', async () => {
    // 500 MB of zeros: memory would show if they were all produced.
    const bomb = Buffer.concat(Array<Buffer>(50).fill(gzipSync(Buffer.alloc(10_000_000))))
    const before = process.memoryUsage().arrayBuffers
    await assert.rejects(decompress(bomb, 'gzip', 1_000_000), { code: 'HTTP_BODY_TOO_LARGE' })
    assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000)
  })

  it('says that a body is broken when it is cut, changed, empty, followed by something, or no gzip at all', async () => {
    const changed = Buffer.from(gzip)
    changed[gzip.length - 6] = (changed[gzip.length - 6] ?? 0) ^ 1
    const bodies = [
      gzip.subarray(0, -1),
      changed,
      Buffer.alloc(0),
      Buffer.concat([gzip, Buffer.from('x')]),
      text,
    ]
    for (const body of bodies) {
      await assert.rejects(decompress(body, 'gzip', 1_000_000), {
        code: 'HTTP_ENCODING_BROKEN',
        httpStatus: 400,
      })
    }
  })

  it('names what it supports when asked for another encoding', async () => {
    for (const encoding of ['br', 'gzip, gzip', 'tostring']) {
      await assert.rejects(decompress(gzip, encoding, 1_000), {
        code: 'HTTP_ENCODING_UNSUPPORTED',
        message: `The Content-Encoding "${encoding.toLowerCase()}" is not supported; supported are identity, gzip, x-gzip.`,
      })
    }
  })

  it('does not repeat an encoding that is no name', async () => {
    const error = await decompress(gzip, 'Bearer secret\u0001', 1_000).catch(
      (reason: unknown) => reason as Error,
    )
    assert.ok(error instanceof Error)
    assert.doesNotMatch(error.message, /secret/)
  })
})
