import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { deflatedBytesMax } from '../../../sidecar/compress/isal-job.ts'
import type { Compressor } from '../../../sidecar/compress/compressor.ts'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import { realIsal } from '../../helpers/isal.ts'
import { assertOneMember } from '../../helpers/pieces.ts'

const { isal, skip } = await realIsal()
const engines: Record<'isal' | 'zlib', Compressor | undefined> = { isal, zlib: zlibCompressor }

/** The same bytes where Node and others put them. */
const places: Record<string, (bytes: Uint8Array) => Buffer> = {
  'of its own memory': (bytes) => {
    const buffer = Buffer.allocUnsafeSlow(bytes.length)
    buffer.set(bytes)
    return buffer
  },
  'of the pool of Node, or in the heap': (bytes) => Buffer.from(bytes),
  'small arrays that the collector may move': (bytes) => {
    const buffer = Buffer.alloc(bytes.length)
    buffer.set(bytes)
    return buffer
  },
  'in the middle of a larger buffer': (bytes) => {
    const around = Buffer.alloc(bytes.length + 1_000, 0xa5)
    around.set(bytes, 333)
    return around.subarray(333, 333 + bytes.length)
  },
}

const someBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 20_000 }),
  // Repeated text of any size, around the bounds at which things change: blocks of 65,535 bytes, 8 KB, 1 MB.
  fc
    .tuple(
      fc.string({ minLength: 1, maxLength: 200 }),
      fc.constantFrom(8_192, 65_535, 131_070, 1_000_000),
      fc.nat(3),
    )
    .map(([text, size, more]) => Buffer.alloc(size + more - 1, text)),
  fc
    .tuple(fc.constantFrom(0, 8_192, 65_535, 200_000), fc.nat(2))
    .map(([size, more]) => randomBytes(size + more)),
)
const placed = fc
  .tuple(someBytes, fc.constantFrom(...Object.keys(places)))
  .map(([bytes, place]) => places[place]?.(bytes) ?? Buffer.of())

describe('pieces deflated by ISA-L', { skip }, () => {
  it('are one gzip member together, also mixed with those of zlib', async () => {
    const part = fc.tuple(placed, fc.constantFrom('isal' as const, 'zlib' as const))
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const whole = Buffer.concat(parts.map(([bytes]) => bytes))
        const pieces = await Promise.all(
          parts.map(async ([bytes, engine]) => engines[engine]?.compress(bytes)),
        )
        await assertOneMember(pieces as Buffer[], whole)
      }),
      { numRuns: 150 },
    )
  })

  it('are never larger than stored bytes would be, and hold no memory besides', async () => {
    await fc.assert(
      fc.asyncProperty(placed, async (bytes) => {
        const piece = await isal?.compress(bytes)
        assert(piece !== undefined)
        assert(piece.length <= deflatedBytesMax(bytes.length), `${bytes.length} bytes became ${piece.length}`)
        assert.equal(piece.buffer.byteLength, piece.length)
      }),
      { numRuns: 150 },
    )
  })

  it('are right when 64 of different content are in flight', async () => {
    for (let round = 0; round < 5; round += 1) {
      const contents = Array.from({ length: 64 }, (_, n) =>
        n % 8 === 0
          ? randomBytes(50_000 + n)
          : Buffer.alloc(1_000 * (n + 1) + round, `${n} of ${round} in flight\n`),
      )
      const pieces = await Promise.all(contents.map(async (bytes) => isal?.compress(bytes)))
      for (const [index, bytes] of contents.entries()) await assertOneMember([pieces[index] as Buffer], bytes)
    }
  })

  it('are of what was given, when nobody else refers to it and the collector runs', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const contentOf = (n: number) => Buffer.alloc(300_000, `only the library knows ${n}\n`)
    for (let round = 0; round < 20; round += 1) {
      const compressing = Array.from({ length: 8 }, async (_, n) => isal?.compress(contentOf(n)))
      collect()
      // Memory that was freed would be taken and written over.
      const taken = Array.from({ length: 8 }, () => Buffer.allocUnsafeSlow(300_000).fill(0xff))
      const pieces = await Promise.all(compressing)
      assert.equal(taken.length, 8)
      for (const [n, piece] of pieces.entries()) await assertOneMember([piece as Buffer], contentOf(n))
    }
  })

  it('are made of 40 MB that do not compress', async () => {
    const bytes = randomBytes(40_000_000)
    const piece = await isal?.compress(bytes)
    assert(piece !== undefined && piece.length <= deflatedBytesMax(bytes.length))
    await assertOneMember([piece], bytes)
  })

  it('are about as small as those of zlib, also of small groups', async () => {
    const line = (n: number) =>
      `{"time":"2026-11-25T06:${n % 60}:12.${n}Z","level":"info","path":"/api/orders/${n * 7919}","ms":${(n * 31) % 997}}\n`
    const text = Buffer.from(Array.from({ length: 10_000 }, (_, n) => line(n)).join(''))
    for (const size of [2_000, 64_000, 500_000]) {
      const bytes = text.subarray(0, size)
      const { length = Infinity } = (await isal?.compress(bytes)) ?? {}
      const byZlib = (await zlibCompressor.compress(bytes)).length
      assert(length < byZlib * 1.15, `${size} bytes: ${length} by ISA-L, ${byZlib} by zlib`)
    }
  })
})
