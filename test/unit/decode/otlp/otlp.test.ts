import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeOtlp } from '../../../../sidecar/decode/otlp/otlp.ts'
import {
  type AnyValue,
  type LogRecord,
  otlpJson,
  otlpProtobuf,
  requestOf,
  type ResourceLogs,
} from '../../../helpers/otlp.ts'
import { textsOf } from '../../../helpers/records.ts'
import { readWireRequest } from '../../../helpers/wire.ts'

type Row = { readonly [column: string]: unknown }

const formats = {
  protobuf: (...logs: ResourceLogs[]) => decodeOtlp(otlpProtobuf(...logs), 'application/x-protobuf'),
  JSON: (...logs: ResourceLogs[]) => decodeOtlp(otlpJson(...logs), 'application/json; charset=utf-8'),
}

const emptyRow = {
  TraceID: '',
  SpanID: '',
  SeverityText: '',
  SeverityNumber: 0,
  Body: '',
  ResourceAttributes: {},
  LogsAttributes: {},
}

describe('decodeOtlp, of what Fluent Bit 5.1.1 sent,', () => {
  it('gives a row for each log record', () => {
    const { headers, body } = readWireRequest('opentelemetry-logs.protobuf')
    const { block, rejected } = decodeOtlp(body, headers.get('content-type'))
    assert.deepEqual(rejected, [])
    const rows = textsOf(block).map((text) => JSON.parse(text) as Row)
    assert.equal(rows.length, body.toString('latin1').split('2025-06-24 14:').length - 1)
    assert.equal(rows[0]?.['Body'], '2025-06-24 14:36:25 startup archives unpack')
    for (const row of rows) assert.match(String(row['Timestamp']), /^2026-11-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/)
  })
})

for (const [format, decode] of Object.entries(formats)) {
  const textOf = (...logs: ResourceLogs[]) => {
    const { block, rejected } = decode(...logs)
    assert.deepEqual(rejected, [])
    return textsOf(block)
  }
  const rowOf = (record: LogRecord) => JSON.parse(textOf(requestOf(record))[0] ?? '') as Row
  const string = (stringValue: string) => ({ stringValue })

  describe(`decodeOtlp, in ${format},`, () => {
    it('gives the columns of the table of the Collector', () => {
      const text = textOf({
        resource: { attributes: [{ key: 'service.name', value: string('shop') }] },
        scopeLogs: [
          {
            scope: { name: 'lib "x"', version: '1.2' },
            logRecords: [
              {
                timeUnixNano: 1_795_323_600_123_456_789n,
                observedTimeUnixNano: 1_795_323_601_000_000_099n,
                traceId: Buffer.from('5B8EFFF798038103D269B633813FC60C', 'hex'),
                spanId: Buffer.from('EEE19B7EC3C1B174', 'hex'),
                severityText: 'Warn',
                severityNumber: 13,
                body: string('a "log"\nline'),
                attributes: [{ key: 'k', value: { intValue: 1n } }],
                eventName: 'click',
              },
            ],
          },
        ],
      })
      assert.deepEqual(text, [
        '{"Timestamp":"2026-11-22T05:00:00.1234567Z","ObservedTimestamp":"2026-11-22T05:00:01.0000000Z",' +
          '"TraceID":"5b8efff798038103d269b633813fc60c","SpanID":"eee19b7ec3c1b174","SeverityText":"Warn",' +
          '"SeverityNumber":13,"Body":"a \\"log\\"\\nline","ResourceAttributes":{"service.name":"shop"},' +
          '"LogsAttributes":{"k":1,"scope.name":"lib \\"x\\"","scope.version":"1.2"},"EventName":"click"}',
      ])
    })

    it('gives a record without anything a row without anything', () => {
      assert.deepEqual(rowOf({}), emptyRow)
    })

    it('takes the observed time for a record without a time, and none for none', () => {
      const observed = rowOf({ observedTimeUnixNano: 1n << 62n })
      assert.deepEqual(observed, {
        Timestamp: '2116-02-20T23:53:38.4273879Z',
        ObservedTimestamp: '2116-02-20T23:53:38.4273879Z',
        ...emptyRow,
      })
      assert.deepEqual(rowOf({ timeUnixNano: 100n }), {
        Timestamp: '1970-01-01T00:00:00.0000001Z',
        ...emptyRow,
      })
      assert.equal(rowOf({ timeUnixNano: 2n ** 64n - 1n })['Timestamp'], '2554-07-21T23:34:33.7095516Z')
    })

    it('leaves out ids of zeros', () => {
      assert.deepEqual(rowOf({ traceId: Buffer.alloc(16), spanId: Buffer.alloc(8) }), emptyRow)
    })

    const values: readonly (readonly [name: string, value: AnyValue, json: string, asString?: string])[] = [
      ['text', string('é"\u2028\ud83d\ude80'), '"é\\"\u2028\ud83d\ude80"', '"é\\"\u2028\ud83d\ude80"'],
      ['empty text', string(''), '""', '""'],
      ['a boolean', { boolValue: true }, 'true'],
      ['false', { boolValue: false }, 'false'],
      ['zero', { intValue: 0n }, '0'],
      ['the largest integer', { intValue: 2n ** 63n - 1n }, '9223372036854775807'],
      ['the smallest integer', { intValue: -(2n ** 63n) }, '-9223372036854775808'],
      ['an integer over 2^53', { intValue: 2n ** 53n + 1n }, '9007199254740993'],
      ['a negative integer', { intValue: -(2n ** 32n) - 1n }, '-4294967297'],
      ['a double', { doubleValue: 1.5 }, '1.5'],
      ['a whole double', { doubleValue: 3 }, '3'],
      ['a negative zero', { doubleValue: -0 }, '-0'],
      ['a large double', { doubleValue: 1e300 }, '1e+300'],
      ['bytes', { bytesValue: Buffer.from([0xff, 0, 1]) }, '"/wAB"', '"/wAB"'],
      ['nothing', {}, 'null', '""'],
      [
        'an array',
        { arrayValue: { values: [string('a'), {}, { intValue: 2n }] } },
        '["a",null,2]',
        '"[\\"a\\",null,2]"',
      ],
      ['an empty array', { arrayValue: { values: [] } }, '[]'],
      [
        'a map in an array in a map',
        {
          kvlistValue: {
            values: [
              { key: 'a', value: { arrayValue: { values: [{ kvlistValue: { values: [{ key: '"' }] } }] } } },
              { key: 'b', value: string('') },
            ],
          },
        },
        '{"a":[{"\\"":null}],"b":""}',
        '"{\\"a\\":[{\\"\\\\\\"\\":null}],\\"b\\":\\"\\"}"',
      ],
    ]
    for (const [name, value, json, asString] of values) {
      it(`writes ${name} as an attribute and as a body`, () => {
        const [text = ''] = textOf(requestOf({ body: value, attributes: [{ key: 'x', value }] }))
        assert.ok(text.endsWith(`,"LogsAttributes":{"x":${json}}}`), text)
        assert.ok(text.includes(`"Body":${asString ?? `"${json}"`},"Res`), text)
      })
    }

    it('gives each record the attributes of its own resource and scope', () => {
      const records = (...bodies: string[]) => bodies.map((body) => ({ body: string(body) }))
      const rows = textOf(
        {
          resource: { attributes: [{ key: 'r', value: string('1') }] },
          scopeLogs: [
            { scope: { name: 'a' }, logRecords: records('1a1', '1a2') },
            { scope: { version: 'b' }, logRecords: records('1b') },
          ],
        },
        {},
        { resource: { attributes: [] }, scopeLogs: [{}, { logRecords: records('2') }] },
      ).map((text) => JSON.parse(text) as Row)
      assert.deepEqual(
        rows.map((row) => [row['Body'], row['ResourceAttributes'], row['LogsAttributes']]),
        [
          ['1a1', { r: '1' }, { 'scope.name': 'a' }],
          ['1a2', { r: '1' }, { 'scope.name': 'a' }],
          ['1b', { r: '1' }, { 'scope.version': 'b' }],
          ['2', {}, {}],
        ],
      )
    })

    it('lets the name of the scope win over an attribute with its key', () => {
      const attributes = [
        { key: 'scope.name', value: string('attribute') },
        { key: 'scope.version', value: string('kept') },
      ]
      const [text = ''] = textOf({ scopeLogs: [{ scope: { name: 'scope' }, logRecords: [{ attributes }] }] })
      assert.ok(text.endsWith('"LogsAttributes":{"scope.version":"kept","scope.name":"scope"}}'), text)
    })

    it('takes a request without records', () => {
      assert.deepEqual(textOf(), [])
      assert.deepEqual(textOf({ resource: { attributes: [] } }, { scopeLogs: [{}] }), [])
    })
  })
}

describe('decodeOtlp chooses the format', () => {
  const logs = requestOf({ body: { stringValue: 'x' } })
  const bodies = {
    protobuf: otlpProtobuf(logs),
    JSON: otlpJson(logs),
    'JSON after a line feed': Buffer.concat([Buffer.from('\n'), otlpJson(logs)]),
  }
  for (const [name, body] of Object.entries(bodies)) {
    for (const contentType of [undefined, 'application/json', 'application/x-protobuf', 'text/plain']) {
      it(`of ${name} with the Content-Type ${contentType}`, () => {
        const { block, rejected } = decodeOtlp(body, contentType)
        assert.deepEqual(rejected, [])
        assert.equal((JSON.parse(textsOf(block)[0] ?? '') as Row)['Body'], 'x')
      })
    }
  }

  it('of an empty body and of {}, which have no records', () => {
    for (const [text, contentType] of [
      ['', undefined],
      ['', 'application/json'],
      ['{}', undefined],
      [' {} \n', 'application/json'],
    ] as const) {
      const { block, rejected } = decodeOtlp(Buffer.from(text), contentType)
      assert.deepEqual([textsOf(block), rejected], [[], []])
    }
  })
})
