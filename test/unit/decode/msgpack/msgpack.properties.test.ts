import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SidecarError } from '../../../../sidecar/core/errors.ts'
import { decodeMsgpack } from '../../../../sidecar/decode/msgpack/msgpack.ts'
import { EventTime, fluentEvent, msgpackOf } from '../../../helpers/fluent-events.ts'
import { comparableKey, trickyText } from '../../../helpers/json-texts.ts'
import { textsOf } from '../../../helpers/records.ts'

const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    trickyText,
    fc.string({ maxLength: 80 }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(comparableKey, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value

const anyRecord = fc.dictionary(comparableKey, anyValue, { maxKeys: 5, noNullPrototype: true })

/** Times that a Date can tell exactly: of milliseconds. */
const anyTime = fc.tuple(fc.nat({ max: 0xff_ff_ff_fd }), fc.nat({ max: 999 }))

function decodeIfReadable(body: Buffer): { texts: string[]; rejected: Buffer[] } {
  try {
    const { block, rejected } = decodeMsgpack(body, 'date')
    assert.ok(isUtf8(block.bytes))
    return { texts: textsOf(block), rejected: rejected.map(({ bytes }) => bytes) }
  } catch (error) {
    assert.ok(error instanceof SidecarError, String(error))
    assert.match(error.code, /^DECODE_(EMPTY|UNREADABLE)$/)
    return { texts: [], rejected: [body] }
  }
}

describe('decodeMsgpack, for any records,', () => {
  it('gives their values and their times', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyTime, anyRecord), { minLength: 1 }), (events) => {
        const body = events.map(([[seconds, ms], record]) =>
          fluentEvent(record, {}, new EventTime(seconds, ms * 1_000_000)),
        )
        const { block, rejected } = decodeMsgpack(Buffer.concat(body), 'date')
        assert.deepEqual(rejected, [])
        assert.deepEqual(
          textsOf(block).map((text): unknown => JSON.parse(text)),
          events.map(([[seconds, ms], record]) => {
            const date = new Date(seconds * 1000 + ms).toISOString().replace('Z', '0000Z')
            return { date, ...(JSON.parse(JSON.stringify(record)) as object) }
          }),
        )
      }),
    )
  })

  it('writes floats and integers of any size so that they read back the same', () => {
    const view = Buffer.alloc(8)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (bits) => {
        view.writeBigUInt64BE(bits)
        const value = (head: number, bytes: Buffer) => {
          const event = Buffer.concat([Buffer.from([0x92, 0x00, 0x81, 0xa1, 0x61, head]), bytes])
          return (
            textsOf(decodeMsgpack(event, 'date').block)[0]?.slice(
              '{"date":"1970-01-01T00:00:00.0000000Z","a":'.length,
              -1,
            ) ?? ''
          )
        }
        assert.equal(value(0xcf, view), String(bits))
        assert.equal(value(0xd3, view), String(BigInt.asIntN(64, bits)))
        const double = view.readDoubleBE(0)
        if (Number.isFinite(double)) assert.ok(Object.is(Number(value(0xcb, view)), double))
        const float = view.readFloatBE(0)
        const floatText = value(0xca, view.subarray(0, 4))
        if (Number.isFinite(float)) assert.ok(Object.is(Math.fround(Number(floatText)), float), floatText)
      }),
    )
  })
})

describe('decodeMsgpack, for any bytes,', () => {
  const anyBody = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .array(fc.constantFrom(0x92, 0x91, 0x81, 0xc0, 0x00, 0xa1, 0xd7, 0xdc, 0xff, 0xc1, 0xc4), {
        maxLength: 60,
      })
      .map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(
        fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
      )
      .map(([records, changes]) => {
        const body = Buffer.concat(records.map((record) => fluentEvent(record)))
        for (const [offset, byte] of changes) body[offset % body.length] = byte
        return body
      }),
  )

  it('throws nothing but a SidecarError, gives whole JSON objects, and each byte belongs to a record or a rejected piece', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const { texts, rejected } = decodeIfReadable(body)
        for (const text of texts) assert.equal(typeof JSON.parse(text), 'object')
        let offset = 0
        for (const piece of rejected) {
          const found = body.indexOf(piece, offset)
          assert.ok(found >= offset, 'a rejected piece is not from the body')
          offset = found + piece.length
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps all events before a cut, and the rest as one rejected piece', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 5 }), fc.nat(), (records, anyCut) => {
        const events = records.map((record) => fluentEvent(record))
        const body = Buffer.concat(events)
        const cut = 1 + (anyCut % (body.length - 1))
        let [wholeCount, wholeBytes] = [0, 0]
        for (const event of events) {
          if (wholeBytes + event.length > cut) break
          wholeCount += 1
          wholeBytes += event.length
        }
        const { texts, rejected } = decodeIfReadable(body.subarray(0, cut))
        assert.deepEqual(texts, textsOf(decodeMsgpack(body, 'date').block).slice(0, wholeCount))
        assert.deepEqual(Buffer.concat(rejected), body.subarray(wholeBytes, cut))
      }),
      { numRuns: 300 },
    )
  })

  it('finds the events around values that are none', () => {
    const piece = fc.oneof(
      anyRecord.map((record) => ({ isEvent: true, bytes: fluentEvent(record) })),
      anyRecord.map((record) => ({ isEvent: false, bytes: msgpackOf(record) })),
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const first = fluentEvent({ first: true })
        const { texts, rejected } = decodeIfReadable(
          Buffer.concat([first, ...pieces.map(({ bytes }) => bytes)]),
        )
        assert.equal(texts.length, 1 + pieces.filter(({ isEvent }) => isEvent).length)
        assert.deepEqual(
          rejected,
          pieces.filter(({ isEvent }) => !isEvent).map(({ bytes }) => bytes),
        )
      }),
    )
  })
})
