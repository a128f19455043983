import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { constants, deflateRawSync } from 'node:zlib'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import { assertOneMember } from '../../helpers/pieces.ts'

const { compress } = zlibCompressor
const line = Buffer.from('one line of a log\n')

describe('zlib', () => {
  it('refers to nothing before a piece, however often its state was used', async () => {
    const text = Buffer.concat(Array.from({ length: 1_000 }, () => line))
    const expected = deflateRawSync(text, { level: 1, memLevel: 9, finishFlush: constants.Z_SYNC_FLUSH })
    for (let n = 0; n < 10; n += 1) assert.ok((await compress(text)).equals(expected))
  })

  it('gives each piece memory of its own size, also one that does not compress', async () => {
    for (const raw of [line, randomBytes(3_000_000), line]) {
      const piece = await compress(raw)
      assert.equal(piece.buffer.byteLength, piece.length)
      assert.ok(piece.length <= raw.length * 1.01 + 16)
      await assertOneMember([piece], raw)
    }
  })

  it('does several pieces at once', async () => {
    const contents = Array.from({ length: 32 }, (_, n) => randomBytes(1 + n * 10_000))
    const pieces = await Promise.all(contents.map((raw) => compress(raw)))
    await assertOneMember(pieces, Buffer.concat(contents))
  })
})
