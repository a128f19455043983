import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Readable } from 'node:stream'
import { constants, deflateRawSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { combineCrc32, crc32Of, gzipHeader, gzipTrailer } from '../../../sidecar/core/gzip-member.ts'

const bytes = fc.uint8Array({ maxLength: 5_000 }).map((array) => Buffer.from(array))

describe('combineCrc32', () => {
  it('gives the checksum of both runs together', () => {
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const combined = combineCrc32(crc32Of(first), crc32Of(second), second.length)
        assert.equal(combined, crc32Of(Buffer.concat([first, second])))
      }),
    )
  })

  it('is right for runs of more than 4 GB', () => {
    // The checksum of 2^32 zero bytes, squared up from one zero byte; the same value that combining in halves gives.
    const zero = crc32Of(Buffer.alloc(1))
    let doubled = zero
    for (let length = 1; length < 2 ** 33; length *= 2) doubled = combineCrc32(doubled, doubled, length)
    const half = crc32Of(Buffer.alloc(1024 * 1024))
    let counted = 0
    for (let i = 0; i < 8192; i += 1) counted = combineCrc32(counted, half, 1024 * 1024)
    assert.equal(doubled, counted)
  })
})

describe('a gzip member from pieces', () => {
  it('inflates to all pieces, also in a reader that takes only one member', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), async (pieces) => {
        const whole = Buffer.concat(pieces)
        const deflated = pieces.map((piece) =>
          deflateRawSync(piece, { level: 1, finishFlush: constants.Z_SYNC_FLUSH }),
        )
        const member = Buffer.concat([gzipHeader, ...deflated, gzipTrailer(crc32Of(whole), whole.length)])

        assert.deepEqual(gunzipSync(member), whole)
        const strict = Readable.toWeb(Readable.from([member])).pipeThrough(
          new DecompressionStream('gzip') as never,
        )
        assert.deepEqual(Buffer.from(await new Response(strict as never).arrayBuffer()), whole)
      }),
      { numRuns: 30 },
    )
  })
})
