import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { wrapField } from '../../../../sidecar/decode/otlp/wire.ts'
import { protobufOf } from '../../../helpers/otlp.ts'
import { decodeAs, decodeProtobuf, recordOf, requestWith } from '../../../helpers/otlp-outcome.ts'

const isUnreadable = { name: 'SidecarError', code: 'DECODE_UNREADABLE' }
const hex = (text: string) => Buffer.from(text, 'hex')

/** A record with an attribute that is an array in an array, so many levels deep. */
function nested(levels: number): Buffer {
  let value: Buffer = hex('')
  for (let level = 0; level < levels; level += 1) value = wrapField(5, [wrapField(1, [value])])
  return wrapField(6, [wrapField(2, [value])])
}

describe('decodeOtlp, in protobuf, rejects a record and keeps its neighbours when', () => {
  const records: Record<string, Buffer> = {
    'a field has another type': hex('0801'),
    'a field has the number 0': hex('02'),
    'a field is longer than the record': hex('2a05'),
    'a varint has more than ten bytes': hex('10ffffffffffffffffffff01'),
    'a varint is cut off': hex('10ff'),
    'a group begins': hex('0b0c'),
    'a type is none': hex('0e'),
    'a time is cut off': hex('09010203'),
    'a value in it is damaged': wrapField(5, [hex('1a017f')]),
    'a key is no text': wrapField(6, [hex('0801')]),
    'a value is nested too deeply': nested(600),
  }
  for (const [name, bytes] of Object.entries(records)) {
    it(name, () => {
      const { bodies, rejected, reasons } = decodeProtobuf(
        requestWith(recordOf('1'), bytes, recordOf('2')),
        requestWith(recordOf('3')),
      )
      assert.deepEqual(bodies, ['1', '2', '3'])
      assert.deepEqual(rejected, [bytes])
      assert.match(reasons[0] ?? '', /^The OTLP data at byte \d+ cannot be taken: .*\.$/)
    })
  }
})

describe('decodeOtlp, in protobuf,', () => {
  it('takes values of 500 levels', () => {
    const { rows } = decodeProtobuf(requestWith(nested(500)))
    assert.equal(JSON.stringify(rows[0]?.LogsAttributes).split('[').length, 501)
  })

  it('steps over fields that it does not know, of any type', () => {
    const unknown = hex('a80601a1060000000000000000a206024142a50600000000')
    const resource = wrapField(1, [unknown, wrapField(1, [wrapField(1, [Buffer.from('r')])])])
    const scopeLogs = wrapField(2, [unknown, wrapField(2, [unknown, recordOf('1'), unknown])])
    const { rows } = decodeProtobuf(unknown, wrapField(1, [unknown, resource, scopeLogs, unknown]), unknown)
    assert.deepEqual(
      rows.map((row) => [row.Body, row.ResourceAttributes]),
      [['1', { r: null }]],
    )
  })

  it('reads resource and scope wherever they are, and merges them when they come twice', () => {
    const attribute = (key: string) =>
      protobufOf('Resource', { attributes: [{ key, value: { stringValue: key } }] })
    const scope = (name: string) => wrapField(1, [protobufOf('InstrumentationScope', { name })])
    const scopeLogs = wrapField(2, [scope('first'), wrapField(2, [recordOf('1')]), scope('last')])
    const body = wrapField(1, [wrapField(1, [attribute('a')]), scopeLogs, wrapField(1, [attribute('b')])])
    const { rows } = decodeProtobuf(body)
    assert.deepEqual(
      rows.map((row) => [row.ResourceAttributes, row.LogsAttributes]),
      [[{ a: 'a', b: 'b' }, { 'scope.name': 'last' }]],
    )
  })

  it('takes the last of several values in one, as protobuf wants it', () => {
    const value = Buffer.concat([hex('1001'), wrapField(1, [hex('61')]), hex('1805')])
    assert.deepEqual(decodeProtobuf(requestWith(wrapField(5, [value]))).bodies, ['5'])
  })

  it('replaces text that is not UTF-8', () => {
    const body = wrapField(5, [wrapField(1, [hex('61ff62')])])
    const attribute = wrapField(6, [wrapField(1, [hex('ff')])])
    const { rows } = decodeProtobuf(requestWith(Buffer.concat([body, attribute, wrapField(3, [hex('c3')])])))
    assert.deepEqual(rows, [
      {
        TraceID: '',
        SpanID: '',
        SeverityText: '\ufffd',
        SeverityNumber: 0,
        Body: 'a\ufffdb',
        ResourceAttributes: {},
        LogsAttributes: { '\ufffd': null },
      },
    ])
  })

  it('rejects all that belongs to a resource or scope that is damaged, and keeps the others', () => {
    const damaged = wrapField(1, [hex('0a02ffff')])
    const resourceLogs = Buffer.concat([damaged, wrapField(2, [wrapField(2, [recordOf('lost')])])])
    const scopeLogs = Buffer.concat([wrapField(1, [hex('0801')]), wrapField(2, [recordOf('lost too')])])
    const { bodies, rejected } = decodeProtobuf(
      wrapField(1, [resourceLogs]),
      wrapField(1, [wrapField(2, [scopeLogs]), wrapField(2, [wrapField(2, [recordOf('1')])])]),
    )
    assert.deepEqual(bodies, ['1'])
    assert.deepEqual(rejected, [resourceLogs, scopeLogs])
  })

  it('rejects the rest of the message in which it loses its way, and keeps what comes after the message', () => {
    const rest = Buffer.concat([hex('07'), wrapField(2, [recordOf('lost')])])
    const broken = wrapField(1, [wrapField(2, [wrapField(2, [recordOf('1')]), rest])])
    const { bodies, rejected } = decodeProtobuf(broken, requestWith(recordOf('2')))
    assert.deepEqual(bodies, ['1', '2'])
    assert.deepEqual(rejected, [rest])
  })

  it('refuses what is no request for logs', () => {
    for (const body of [hex('ff'), hex('1a0161'), Buffer.from('text'), requestWith(hex('0801')), hex('0aff')])
      assert.throws(() => decodeAs('application/x-protobuf', body), isUnreadable)
  })

  it('takes no length for granted', () => {
    for (const tail of ['0affffffff7f', '0affffffffffffffff7f', '0a80808080808080808001']) {
      const { bodies, rejected } = decodeProtobuf(requestWith(recordOf('1')), hex(tail))
      assert.deepEqual(bodies, ['1'])
      assert.equal(rejected.length, 1)
    }
  })
})
