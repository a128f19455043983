import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '../../../../sidecar/core/limits.ts'
import { outputLimitFor } from '../../../../sidecar/decode/json-writer.ts'
import { MsgpackCursor } from '../../../../sidecar/decode/msgpack/cursor.ts'
import { decodeMsgpack } from '../../../../sidecar/decode/msgpack/msgpack.ts'
import { EventTime, fluentEvent, groupStart, msgpackOf } from '../../../helpers/fluent-events.ts'
import { textsOf } from '../../../helpers/records.ts'

const good = (id: number) => fluentEvent({ id })
const hex = (text: string) => Buffer.from(text, 'hex')

function decodeParts(...parts: readonly Buffer[]): { ids: unknown[]; rejected: Buffer[]; reasons: string[] } {
  const { block, rejected } = decodeMsgpack(Buffer.concat(parts), 'date')
  for (const { code } of rejected) assert.equal(code, 'DECODE_NOT_MSGPACK')
  return {
    ids: textsOf(block).map((text) => (JSON.parse(text) as { id: unknown }).id),
    rejected: rejected.map(({ bytes }) => bytes),
    reasons: rejected.map(({ reason }) => reason),
  }
}

const isUnreadable = { name: 'SidecarError', code: 'DECODE_UNREADABLE' }

describe('decodeMsgpack rejects a value that is no event and keeps its neighbours:', () => {
  const values: Record<string, Buffer> = {
    'a lone map': msgpackOf({ secret: 1 }),
    'a lone string': msgpackOf('secret'),
    'an array of one': msgpackOf([0]),
    'an array of three': msgpackOf([0, {}, {}]),
    'a forward message': msgpackOf(['secret', [[0, {}]]]),
    'a header of one': msgpackOf([[0], {}]),
    'metadata that is no map': msgpackOf([[0, 'secret'], {}]),
    'a time that is no time': msgpackOf([null, {}]),
    'a negative time': msgpackOf([-3, {}]),
    'a time of NaN': msgpackOf([Number.NaN, {}]),
    'a time after the year 9999': msgpackOf([253_402_300_800, {}]),
    'a time in milliseconds': msgpackOf([1_795_323_600_123, {}]),
    'an extension of another type': hex('92d701000000000000000080'),
    'an extension of another size': hex('92d6000000000080'),
    'a second of more than a second': msgpackOf([new EventTime(1, 1_000_000_000), {}]),
    'a time of -1 with nanoseconds': msgpackOf([new EventTime(0xff_ff_ff_ff, 1), {}]),
    'a group whose attributes are no map': fluentEvent('secret', {}, groupStart),
    'a record that is too deep': Buffer.concat([hex('920081a161'), Buffer.alloc(513, 0x91), hex('c0')]),
    'a record that is deeper than any stack': Buffer.concat([
      hex('920081a161'),
      Buffer.alloc(100_000, 0x91),
      hex('c0'),
    ]),
    'keys in keys': hex('9200818191010203'),
  }
  for (const [name, bytes] of Object.entries(values)) {
    it(name, () => {
      const { ids, rejected, reasons } = decodeParts(good(1), bytes, good(2))
      assert.deepEqual(ids, [1, 2])
      assert.deepEqual(rejected, [bytes])
      assert.match(
        reasons[0] ?? '',
        new RegExp(`^The msgpack value at byte ${good(1).length} is no event of Fluent Bit: .*[.]$`),
      )
      assert.doesNotMatch(reasons[0] ?? '', /secret/)
    })
  }

  it('and reads nested values and keys after them as if nothing had been', () => {
    const nestedKey = hex('92008191a161c0')
    const { block } = decodeMsgpack(
      Buffer.concat([...Object.values(values), nestedKey, ...Object.values(values), nestedKey]),
      'date',
    )
    assert.deepEqual(
      textsOf(block),
      Array(2).fill('{"date":"1970-01-01T00:00:00.0000000Z","[\\"a\\"]":null}'),
    )
  })

  it('takes the deepest that it allows', () => {
    const { rejected } = decodeParts(Buffer.concat([hex('920081a161'), Buffer.alloc(512, 0x91), hex('c0')]))
    assert.deepEqual(rejected, [])
  })
})

describe('decodeMsgpack keeps the events before what cannot be told apart:', () => {
  const tails: Record<string, Buffer> = {
    'an event that is cut off': good(2).subarray(0, -1),
    'a byte that msgpack never uses': hex('c1'),
    'one inside an event': hex('920081a161c1'),
    'a map of four billion pairs': hex('9200dfffffffff'),
    'an array of four billion': hex('ddffffffff'),
    'a string of four gigabytes': hex('920081a161dbffffffff61'),
    'binary of four gigabytes': hex('9200c6ffffffff'),
    'an extension of four gigabytes': hex('9200c9ffffffff00'),
    'a length without its bytes': hex('9200da00'),
    'an extension without a type': hex('9200d4'),
    'nested arrays that each promise much': Buffer.concat([hex('9200'), Buffer.alloc(60_000, 0xdc)]),
  }
  for (const [name, tail] of Object.entries(tails)) {
    it(name, () => {
      const { ids, rejected, reasons } = decodeParts(good(1), tail)
      assert.deepEqual(ids, [1])
      assert.deepEqual(rejected, [tail])
      assert.match(
        reasons[0] ?? '',
        new RegExp(`^From byte ${good(1).length} on, the body cannot be read as msgpack: .*[.]$`),
      )
    })
  }
})

describe('decodeMsgpack finds the events of Fluent Bit after a damaged one', () => {
  const log = { log: 'x'.repeat(40), list: [1, { b: null }], count: 12_345_678_901 }
  const event = (id: number) => fluentEvent({ id, ...log }, {}, new EventTime(1_700_000_000, id))
  const damaged = event(9)
  const damages: Record<string, (at: number) => Buffer> = {
    'that is cut': (at) => damaged.subarray(0, at),
    'that lost its start': (at) => damaged.subarray(at),
    'that lost a byte': (at) => Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + 1)]),
    'with a byte that msgpack never uses': (at) => withByte(at, 0xc1),
    'with a length that is far too large': (at) => withByte(at, 0xdb),
    'with an array where none was': (at) => withByte(at, 0x92),
  }
  const withByte = (at: number, byte: number) =>
    Buffer.concat([damaged.subarray(0, at), Buffer.from([byte]), damaged.subarray(at + 1)])
  for (const [name, damage] of Object.entries(damages)) {
    it(`${name}, wherever it is`, () => {
      for (let at = 1; at < damaged.length; at += 1) {
        const { ids } = decodeParts(event(1), damage(at), event(2), event(3), damage(at), event(4))
        assert.deepEqual(
          ids.filter((id) => id !== 9 && id !== undefined),
          [1, 2, 3, 4],
          `at byte ${at}`,
        )
      }
    })
  }

  it('but leaves alone those in binary data', () => {
    const binary = fluentEvent({ id: 2, data: Buffer.concat([event(5), event(6)]) }, {}, new EventTime(1))
    const { ids, rejected } = decodeParts(event(1), binary, event(3), binary)
    assert.deepEqual(ids, [1, 2, 3, 2])
    assert.deepEqual(rejected, [])
  })

  it('without looking at each byte again for each of them', () => {
    const startMs = performance.now()
    const strings = Buffer.alloc(400_000, hex('9292d70000000000000000008081a161daf000'))
    decodeParts(event(1), strings, event(2))
    const heads = Buffer.alloc(400_000, hex('9292d700000000000000000080df00001000'))
    decodeParts(event(1), heads, event(2))
    decodeParts(event(1), Buffer.alloc(400_000, hex('9292d7000000000000000000')), event(2))
    assert.ok(performance.now() - startMs < 5_000)
  })
})

describe('decodeMsgpack', () => {
  it('refuses a body without any event', () => {
    for (const bytes of [hex('80'), hex('c1'), hex('92'), msgpackOf([1, 2, 3]), Buffer.from('text')])
      assert.throws(() => decodeMsgpack(bytes, 'date'), isUnreadable)
    assert.throws(() => decodeMsgpack(Buffer.alloc(0), 'date'), { code: 'DECODE_EMPTY' })
  })

  it('keeps what is bad beside a group marker', () => {
    const { rejected } = decodeParts(fluentEvent({}, {}, groupStart), hex('80'))
    assert.deepEqual(rejected, [hex('80')])
  })

  it('keeps text among events as one piece, and not a piece for each byte', () => {
    const text = Buffer.from('{"id":"shredded"}\n')
    const { ids, rejected } = decodeParts(good(1), text, good(2), text, text)
    assert.deepEqual(ids, [1, 2])
    assert.deepEqual(rejected, [text, Buffer.concat([text, text])])
  })

  it('keeps everything after too many bad values aside in one piece', () => {
    const bad = Buffer.alloc(limits.rejectedMaxCount, 0x90)
    const { ids, rejected, reasons } = decodeParts(good(1), bad, good(2), good(3))
    assert.deepEqual(ids, [1])
    assert.deepEqual(rejected.at(-1), Buffer.concat([good(2), good(3)]))
    assert.match(
      reasons.at(-1) ?? '',
      /^5000 values of this body are bad; from byte 50\d\d on it was not decoded, and may hold good records\.$/,
    )
  })

  it('reads a bounded number of values in vain when each event claims to hold all that follow', (test) => {
    let readCount = 0
    // oxlint-disable-next-line typescript/unbound-method -- it is called on its own object
    const { read } = MsgpackCursor.prototype
    MsgpackCursor.prototype.read = function (this: MsgpackCursor) {
      readCount += 1
      read.call(this)
    }
    test.after(() => void (MsgpackCursor.prototype.read = read))
    const greedy = Buffer.concat([hex('9292d700000000000000000080df00010000'), good(2)])
    const body = Buffer.concat([good(1), Buffer.alloc(4_000 * greedy.length, greedy)])
    const { ids, rejected } = decodeParts(body, Buffer.alloc(200_000, good(3)))
    assert.equal(ids[0], 1)
    assert.ok(rejected.length < limits.rejectedMaxCount)
    assert.ok(readCount < 20_000_000, `${readCount} values`)
  })

  it('stops when a large group would be repeated too often, and keeps the rest as a body with the group', () => {
    const group = fluentEvent({ large: 'x'.repeat(1_000_000) }, {}, groupStart)
    const events = Array.from({ length: 100 }, (_, id) => good(id))
    const body = Buffer.concat([good(-1), group, ...events])
    const first = decodeMsgpack(body, 'date')
    assert.ok(first.block.bytes.length <= outputLimitFor(body.length))
    assert.equal(first.rejected.length, 1)
    const second = decodeMsgpack(first.rejected[0]?.bytes ?? Buffer.alloc(0), 'date')
    assert.deepEqual(second.rejected, [])
    const [texts, others] = [textsOf(first.block), textsOf(second.block)]
    assert.equal(texts.length, 64)
    assert.equal(texts.length + others.length, 101)
    assert.match(
      others[0] ?? '',
      /^\{"date":"[^"]+","__internal__":\{"group_attributes":\{"large":"x+"\},"log_metadata":\{\}\},"id":63\}$/,
    )
  })
})
