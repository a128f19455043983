import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import { decodeLimits } from '../../../sidecar/decode/limits.ts'
import { unzstdBody } from '../../../sidecar/decode/zstd.ts'

const a = Buffer.from('{"a":1}\n'.repeat(50))
const b = Buffer.from('{"b":2}\n')
const noise = Buffer.from(Array.from({ length: 400_000 }, (_, index) => ((index * 7919) % 100_003) & 0xff))
const frame = (plain: Buffer, level = 3, checksum = 0) =>
  zstdCompressSync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: checksum },
  })
const skippable = (content: string, nibble = 0) => {
  const head = Buffer.from([0x50 | nibble, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, Buffer.from(content)])
}
/** A frame without content size, with a window of 2^windowLog bytes and one run of `x`. */
const frameWithWindow = (windowLog: number, runBytes: number) => {
  const block = Buffer.alloc(4, 'x')
  block.writeUIntLE(1 | (1 << 1) | (runBytes << 3), 0, 3)
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]), block])
}
const broken = { code: 'HTTP_ENCODING_BROKEN' }

describe('unzstdBody', () => {
  it('joins all frames, of any level and with or without checksums', async () => {
    const plains = [a, b, noise, Buffer.alloc(0), Buffer.alloc(300_000, 'x'), a]
    for (const [level, checksum] of [
      [1, 0],
      [3, 1],
      [19, 1],
    ] as const) {
      const body = Buffer.concat(plains.map((plain) => frame(plain, level, checksum)))
      assert.ok((await unzstdBody(body, 2_000_000)).equals(Buffer.concat(plains)))
    }
  })

  it('skips skippable frames, wherever they are', async () => {
    const body = Buffer.concat([
      skippable('one'),
      frame(a),
      skippable('', 15),
      skippable('two', 7),
      frame(b),
      skippable('x'),
    ])
    assert.ok((await unzstdBody(body, 1_000)).equals(Buffer.concat([a, b])))
    assert.equal((await unzstdBody(skippable('alone'), 1_000)).length, 0)
  })

  it('ignores zero bytes after the last frame', async () => {
    assert.ok((await unzstdBody(Buffer.concat([frame(a), Buffer.alloc(100)]), 1_000)).equals(a))
    await assert.rejects(unzstdBody(Buffer.concat([frame(a), Buffer.alloc(100), frame(b)]), 1_000), broken)
  })

  it('counts the output of all frames', async () => {
    const body = Buffer.concat([frame(a), frame(b), frame(b)])
    assert.equal((await unzstdBody(body, a.length + 2 * b.length)).length, a.length + 2 * b.length)
    for (const maxBytes of [1, a.length - 1, a.length, a.length + b.length, a.length + 2 * b.length - 1]) {
      const message = `The body is over server.max_body_mb (${maxBytes} bytes) when it is decompressed. It is kept as a dead letter.`
      await assert.rejects(unzstdBody(body, maxBytes), { code: 'HTTP_BODY_TOO_LARGE', message })
    }
  })

  it('calls a second frame that is cut, or followed by something, broken', async () => {
    const second = frame(noise, 3, 1)
    for (const length of [1, 3, 4, 5, 9, 20, second.length - 4, second.length - 1])
      await assert.rejects(
        unzstdBody(Buffer.concat([frame(a), second.subarray(0, length)]), 1_000_000),
        broken,
      )
    await assert.rejects(
      unzstdBody(Buffer.concat([frame(a), skippable('abc').subarray(0, -1)]), 1_000),
      broken,
    )
    await assert.rejects(unzstdBody(Buffer.concat([frame(a), Buffer.from('garbage')]), 1_000), {
      message: `The body is not valid zstd: no frame begins at byte ${frame(a).length}.`,
    })
  })

  it('takes windows of up to 128 MB, whose memory is not touched, and refuses larger ones', async () => {
    const before = process.memoryUsage().rss
    const bodies = Array.from({ length: 20 }, () => unzstdBody(frameWithWindow(27, 100_000), 1_000_000))
    for (const plain of await Promise.all(bodies)) assert.equal(plain.length, 100_000)
    assert.ok(process.memoryUsage().rss - before < 200_000_000)
    for (const windowLog of [28, 31, 41])
      await assert.rejects(unzstdBody(frameWithWindow(windowLog, 10), 1_000), broken)
  })

  it('does not believe a huge content size', async () => {
    const size = Buffer.alloc(8)
    size.writeBigUInt64LE(2n ** 40n)
    const body = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58]),
      size,
      Buffer.from([0x09, 0, 0, 0x61]),
    ])
    await assert.rejects(unzstdBody(body, 1_000), broken)
  })

  it('bounds the number of frames', async () => {
    const empty = frame(Buffer.alloc(0))
    const body = Buffer.concat(Array<Buffer>(decodeLimits.zstdFramesMax + 1).fill(empty))
    await assert.rejects(unzstdBody(body, 1_000), { ...broken, message: /more than 10000 frames/ })
  })
})
