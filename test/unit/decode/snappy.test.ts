import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { unsnappyBody } from '../../../sidecar/decode/snappy.ts'
import { copy, encodeSnappy, literal, varint } from '../../helpers/snappy.ts'
import { readWireRequest } from '../../helpers/wire.ts'

const MAX_BYTES = 10_000_000
const bytes = (...parts: (Buffer | string | number[])[]) =>
  Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(part as string))))

describe('unsnappyBody', () => {
  it('gives back any bytes, with repetitions near and far', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 200 }))
        .map(([unit, count]) =>
          Uint8Array.from({ length: unit.length * count }, (_, index) => unit[index % unit.length] as number),
        ),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const plain = Buffer.concat([...pieces, ...pieces.toReversed()])
        assert.ok(unsnappyBody(encodeSnappy(plain), plain.length).equals(plain))
      }),
      { numRuns: 500 },
    )
  })

  it('reads copies of every kind, also over more than 65,536 bytes', () => {
    const noise = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * index * 31) % 251))
    const body = bytes(
      varint(70_000 + 20 + 64 + 9),
      literal(noise),
      copy(70_000, 20),
      copy(30_000, 64),
      copy(3, 9),
    )
    const plain = unsnappyBody(body, MAX_BYTES)
    const first = Buffer.concat([noise, noise.subarray(0, 20)])
    const second = Buffer.concat([first, first.subarray(first.length - 30_000, first.length - 30_000 + 64)])
    assert.ok(plain.subarray(0, -9).equals(second))
    const last = second.subarray(-3)
    assert.ok(plain.subarray(-9).equals(Buffer.concat([last, last, last])))
  })

  it('reads literals with length fields of one to four bytes', () => {
    const text = Buffer.from('x'.repeat(61))
    for (const lengthBytes of [1, 2, 3, 4]) {
      const head = Buffer.alloc(1 + lengthBytes, (59 + lengthBytes) << 2)
      head.writeUIntLE(60, 1, lengthBytes)
      assert.ok(unsnappyBody(bytes(varint(61), head, text), MAX_BYTES).equals(text))
    }
  })

  it('repeats what a copy has just written when it reaches into itself', () => {
    assert.equal(
      unsnappyBody(bytes(varint(10), literal(Buffer.from('ab')), copy(2, 8)), 10).toString(),
      'ab'.repeat(5),
    )
    assert.equal(
      unsnappyBody(bytes(varint(65), literal(Buffer.from('a')), copy(1, 64)), 65).toString(),
      'a'.repeat(65),
    )
  })

  it('undoes what Fluent Bit sends', () => {
    const { body } = readWireRequest('default-format.snappy')
    const plain = unsnappyBody(body, MAX_BYTES)
    assert.equal((JSON.parse(plain.toString()) as unknown[]).length, 400)
  })

  it('reads an empty block', () => {
    assert.equal(unsnappyBody(Buffer.from([0]), 0).length, 0)
  })

  const broken: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['a length without an end', Buffer.from([0x80, 0x80])],
    ['a length of more than five bytes', Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0])],
    ['a length of more than 32 bits', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f, 0])],
    ['a length that the input cannot reach', bytes(varint(1_000_000), copy(1, 64), copy(1, 64))],
    ['a literal over the end of the input', bytes(varint(5), literal(Buffer.from('abcde')).subarray(0, -1))],
    ['a literal over the end of the output', bytes(varint(4), literal(Buffer.from('abcde')))],
    ['a literal without its length', Buffer.from([1, 60 << 2])],
    ['a copy before anything', bytes(varint(4), copy(1, 4))],
    ['a copy from before the output', bytes(varint(6), literal(Buffer.from('ab')), copy(3, 4))],
    ['a copy with an offset of zero', bytes(varint(6), literal(Buffer.from('ab')), copy(0, 4))],
    ['a copy over the end of the output', bytes(varint(5), literal(Buffer.from('ab')), copy(1, 4))],
    ['a copy without its offset', bytes(varint(6), literal(Buffer.from('ab')), copy(2, 4).subarray(0, 1))],
    ['less output than announced', bytes(varint(3), literal(Buffer.from('ab')))],
    [
      'something after the last byte',
      bytes(varint(2), literal(Buffer.from('ab')), literal(Buffer.from('c'))),
    ],
    ['the framing format', bytes([0xff, 6, 0, 0], 'sNaPpY', [1, 5, 0, 0, 1, 2, 3, 4, 0x61])],
  ]
  for (const [name, body] of broken) {
    it(`calls ${name} broken`, () => {
      assert.throws(() => unsnappyBody(body, MAX_BYTES), { code: 'HTTP_ENCODING_BROKEN', httpStatus: 400 })
    })
  }

  it('checks the announced length before it takes memory', () => {
    const before = process.memoryUsage().arrayBuffers
    assert.throws(() => unsnappyBody(bytes(varint(4_000_000_000), 'x'), MAX_BYTES), {
      code: 'HTTP_BODY_TOO_LARGE',
    })
    for (let round = 0; round < 100; round += 1)
      assert.throws(() => unsnappyBody(bytes(varint(MAX_BYTES), 'x'), MAX_BYTES), {
        code: 'HTTP_ENCODING_BROKEN',
      })
    assert.ok(process.memoryUsage().arrayBuffers - before < MAX_BYTES)
  })

  it('throws errors of the catalogue only, for any bytes and for any changed byte', () => {
    const plain = Buffer.from('{"a":1,"b":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}\n'.repeat(30))
    const packed = encodeSnappy(plain)
    const changed = fc
      .tuple(fc.nat(packed.length - 1), fc.integer({ min: 0, max: 255 }))
      .map(([offset, byte]) => {
        const copied = Buffer.from(packed)
        copied[offset] = byte
        return copied
      })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array().map((any) => Buffer.from(any)),
          changed,
        ),
        (body) => {
          try {
            assert.ok(unsnappyBody(body, 2_000).length <= 2_000)
          } catch (error) {
            assert.ok(error instanceof SidecarError, String(error))
          }
        },
      ),
      { numRuns: 5_000 },
    )
  })
})
