import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decodeMsgpack, looksLikeMsgpack } from '../../../../sidecar/decode/msgpack/msgpack.ts'
import {
  EventTime,
  Extension,
  fluentEvent,
  groupEnd,
  groupStart,
  msgpackOf,
} from '../../../helpers/fluent-events.ts'
import { textsOf } from '../../../helpers/records.ts'
import { readWireRequest } from '../../../helpers/wire.ts'

const epoch = '"date":"1970-01-01T00:00:00.0000000Z"'

function textOf(...events: readonly Buffer[]): string[] {
  const { block, rejected } = decodeMsgpack(Buffer.concat(events), 'date')
  assert.deepEqual(rejected, [])
  assert.ok(isUtf8(block.bytes))
  return textsOf(block)
}

/** The text of one value in a record. */
function valueText(value: unknown): string {
  return (textOf(fluentEvent({ v: value }))[0] ?? '').slice(`{${epoch},"v":`.length, -1)
}

describe('decodeMsgpack, of what Fluent Bit 5.1.1 sent,', () => {
  const recorded = readWireRequest('kubernetes-record.msgpack.gzip')
  const body = gunzipSync(recorded.body)

  it('gives the same record as its JSON formats', () => {
    assert.equal(looksLikeMsgpack(body), true)
    const [text = ''] = textsOf(decodeMsgpack(body, 'timestamp').block)
    const [inJson] = JSON.parse(readWireRequest('kubernetes-record.json-array').body.toString()) as object[]
    assert.deepEqual(JSON.parse(text), { ...inJson, timestamp: '2026-11-22T05:00:00.1234567Z' })
    assert.match(text, /^\{"timestamp":"2026-11-22T05:00:00\.1234567Z","time":"2026/)
    assert.match(text, /"n":9007199254740993,"f":1\.5e\+300,"neg":-0\.0,/)
  })
})

describe('decodeMsgpack', () => {
  it('reads events with and without metadata, and any kind of time', () => {
    const record = { a: 1 }
    assert.deepEqual(
      textOf(
        fluentEvent(record, {}, new EventTime(1_795_323_600, 999_999_999)),
        msgpackOf([new EventTime(0xff_ff_ff_fd, 0), record]),
        msgpackOf([1_795_323_600, record], [4_102_444_800n, record], [[1_709_164_800.25, {}], record]),
        msgpackOf([0.99999999, record]),
        Buffer.from('92c70800000000010000006481a162c3', 'hex'),
        Buffer.from('dd00000002dc000200df00000000de0001a162c3', 'hex'),
      ),
      [
        '{"date":"2026-11-22T05:00:00.9999999Z","a":1}',
        '{"date":"2106-02-07T06:28:13.0000000Z","a":1}',
        '{"date":"2026-11-22T05:00:00.0000000Z","a":1}',
        '{"date":"2100-01-01T00:00:00.0000000Z","a":1}',
        '{"date":"2024-02-29T00:00:00.2500000Z","a":1}',
        '{"date":"1970-01-01T00:00:01.0000000Z","a":1}',
        '{"date":"1970-01-01T00:00:01.0000001Z","b":true}',
        '{"date":"1970-01-01T00:00:00.0000000Z","b":true}',
      ],
    )
  })

  it('writes integers with all their digits', () => {
    const integers = [
      0,
      127,
      128,
      -1,
      -32,
      -33,
      255,
      65_535,
      -32_768,
      2 ** 31,
      2n ** 53n + 1n,
      2n ** 64n - 1n,
      -(2n ** 63n),
    ]
    for (const integer of integers) assert.equal(valueText(integer), String(integer))
  })

  it('writes floats as the shortest text that reads back the same', () => {
    assert.deepEqual([1.5, 3.5e20, 1e21, 0.1 + 0.2, 5e-324, NaN, Infinity, -Infinity].map(valueText), [
      '1.5',

      '350000000000000000000.0',
      '1e+21',
      '0.30000000000000004',
      '5e-324',
      'null',
      'null',
      'null',
    ])
    const float = (hex: string) =>
      textOf(Buffer.from(`920081a161${hex}`, 'hex'))[0]?.slice(epoch.length + 6, -1)
    const bytes = [
      'cb8000000000000000',
      'cb3ff0000000000000',
      'ca3dcccccd',
      'ca41200000',
      'ca00000001',
      'ca7f7fffff',
      'ca41230db4',
    ]
    assert.deepEqual(bytes.map(float), ['-0.0', '1.0', '0.1', '10.0', '1e-45', '3.4028235e+38', '10.1908455'])
  })

  it('escapes in strings only what JSON demands', () => {
    assert.equal(
      valueText('"\\/\b\f\n\r\t\u0000\u001f\u007f é\u2028 \ud83d\ude80'),
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f é\u2028 \ud83d\ude80"',
    )
  })

  it('replaces bytes that are not UTF-8, and no others', () => {
    const invalid = Buffer.from('61ff22c3a9e282f09f9f62f0', 'hex')
    const [text = ''] = textOf(Buffer.concat([Buffer.from('920081a161ac', 'hex'), invalid]))
    assert.equal(text, `{${epoch},"a":"a\ufffd\\"é\ufffd\ufffdb\ufffd"}`)
    // An odd number of bytes before them, so that a piece of even size ends in the middle of a character.
    const long = Buffer.concat([Buffer.from('x'), Buffer.alloc(199_998, 'é'), Buffer.from([0xff])])
    const event = Buffer.concat([Buffer.from('920081a161db', 'hex'), Buffer.from('00030d40', 'hex'), long])
    assert.deepEqual(textOf(event), [`{${epoch},"a":"${long.toString()}"}`])
  })

  it('writes binary as text when it is UTF-8, else as base64, and extensions as base64', () => {
    assert.equal(valueText(Buffer.from('é"')), '"é\\""')
    assert.equal(valueText(Buffer.from([0xff, 0xfe])), '"//4="')
    assert.equal(valueText(new Extension(Buffer.from('abc'))), '"YWJj"')
  })

  it('makes strings of keys that are none', () => {
    const key = (hex: string) => textOf(Buffer.from(`920081${hex}c3`, 'hex'))[0]?.slice(epoch.length + 2, -6)
    assert.deepEqual(
      ['01', 'c0', 'c3', 'cb3ff8000000000000', 'c40161', 'd40541', 'cfffffffffffffffff'].map(key),
      ['"1"', '"null"', '"true"', '"1.5"', '"a"', '"QQ=="', '"18446744073709551615"'],
    )
    assert.equal(key('9201a122'), '"[1,\\"\\\\\\"\\"]"')
    assert.equal(key('8101a161'), '"{\\"1\\":\\"a\\"}"')
    assert.deepEqual(textOf(Buffer.from('9200829101c09102c0', 'hex')), [`{${epoch},"[1]":null,"[2]":null}`])
  })

  it('keeps keys that occur twice, but not its own date or __internal__ beside those of the record', () => {
    assert.deepEqual(textOf(Buffer.from('920082a16101a16102', 'hex')), [`{${epoch},"a":1,"a":2}`])
    assert.deepEqual(
      textOf(
        fluentEvent({ a: 1, date: 'x', b: { date: 2 } }),
        fluentEvent({ a: { date: 2 } }),
        fluentEvent({ date: 3, __internal__: 4 }, { m: 1 }),
        fluentEvent({ date: 3 }, { m: 1 }),
        fluentEvent({ __internal__: 4 }, { m: 1 }),
      ),
      [
        '{"a":1,"date":"x","b":{"date":2}}',
        `{${epoch},"a":{"date":2}}`,
        '{"date":3,"__internal__":4}',
        '{"__internal__":{"log_metadata":{"m":1}},"date":3}',
        `{${epoch},"__internal__":4}`,
      ],
    )
  })

  it('escapes the date key', () => {
    assert.deepEqual(textsOf(decodeMsgpack(fluentEvent({}), 'a"\n').block), [
      `{${epoch.replace('date', 'a\\"\\n')}}`,
    ])
  })

  it('puts a record that is not a map under "log"', () => {
    assert.deepEqual(textOf(fluentEvent('text'), fluentEvent([1, {}], { m: 1 }), fluentEvent(null)), [
      `{${epoch},"log":"text"}`,
      `{${epoch},"__internal__":{"log_metadata":{"m":1}},"log":[1,{}]}`,
      `{${epoch},"log":null}`,
    ])
  })

  it('gives the records of a group its attributes, as the JSON of Fluent Bit does', () => {
    assert.deepEqual(
      textOf(
        fluentEvent({ before: 1 }),
        fluentEvent({ resource: { a: 'b' } }, { schema: 'otlp' }, groupStart),
        fluentEvent({ in: 1 }),
        fluentEvent({ in: 2 }, { m: [1] }),
        msgpackOf([0, { in: 3 }]),
        fluentEvent({}, {}, groupEnd),
        fluentEvent({ after: 1 }),
        fluentEvent({}, {}, groupStart),
        fluentEvent({ in: 4 }),
        fluentEvent({ in: 5 }, { m: 1 }),
        msgpackOf([-2, {}], [[-1, {}], { c: 1 }], [0, { in: 6 }]),
      ),
      [
        `{${epoch},"before":1}`,
        `{${epoch},"__internal__":{"group_attributes":{"resource":{"a":"b"}},"log_metadata":{}},"in":1}`,
        `{${epoch},"__internal__":{"group_attributes":{"resource":{"a":"b"}},"log_metadata":{"m":[1]}},"in":2}`,
        `{${epoch},"__internal__":{"group_attributes":{"resource":{"a":"b"}},"log_metadata":{}},"in":3}`,
        `{${epoch},"after":1}`,
        `{${epoch},"in":4}`,
        `{${epoch},"__internal__":{"group_attributes":{},"log_metadata":{"m":1}},"in":5}`,
        `{${epoch},"__internal__":{"group_attributes":{"c":1},"log_metadata":{}},"in":6}`,
      ],
    )
  })

  it('takes a body of group markers only as one without records', () => {
    assert.deepEqual(textOf(fluentEvent({}, {}, groupStart), fluentEvent({}, {}, groupEnd)), [])
  })
})

describe('looksLikeMsgpack', () => {
  it('knows arrays of any form, and takes no text for one', () => {
    for (const hex of ['9292', 'dc0002', 'dd00000002', '92'])
      assert.equal(looksLikeMsgpack(Buffer.from(hex, 'hex')), true)
    for (const text of ['', '[1]', '{}', 'text', '\u0710 in Syriac', '\ufeff{}'])
      assert.equal(looksLikeMsgpack(Buffer.from(text)), false)
  })
})
