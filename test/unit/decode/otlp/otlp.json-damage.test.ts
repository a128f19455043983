import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeAs } from '../../../helpers/otlp-outcome.ts'

const isUnreadable = { name: 'SidecarError', code: 'DECODE_UNREADABLE' }
const fromJson = (text: string) => decodeAs('application/json', Buffer.from(text))

describe('decodeOtlp, in JSON,', () => {
  const logs = (...records: string[]) =>
    `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${records.join(',')}]}]}]}`
  const good = (body: string) => `{"body":{"stringValue":"${body}"}}`

  const records: Record<string, string> = {
    'is not valid': '{"body":nan}',
    'has a bad escape': '{"body":{"stringValue":"\\x"}}',
    'has a raw line break in a string': '{"body":{"stringValue":"a\nb"}}',
    'has brackets that do not match': '{"body":[}}',
    'is null': 'null',
    'is text': '"secret"',
    'is an array': '[]',
    'has a body that is no AnyValue': '{"body":"secret"}',
    'has text that is none': '{"body":{"stringValue":1}}',
    'has an integer that is none': '{"body":{"intValue":"secret"}}',
    'has a double that is none': '{"body":{"doubleValue":"secret"}}',
    'has a boolean that is none': '{"body":{"boolValue":"true"}}',
    'has an array that is none': '{"body":{"arrayValue":{"values":{}}}}',
    'has attributes that are none': '{"attributes":{"secret":1}}',
    'has a time before 1970': '{"timeUnixNano":"-1"}',
    'has a time that is text': '{"timeUnixNano":"2026-11-22T05:00:00Z"}',
    'has a time that no integer of 64 bits can hold': '{"timeUnixNano":"18446744073709551616"}',
    'has a severity that is none': '{"severityNumber":"secret"}',
    'is nested too deeply': `{"body":${'{"arrayValue":{"values":['.repeat(600)}${']}}'.repeat(600)}}`,
    'is nested deeper than any stack': `{"body":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'has maps that are nested too deeply': `{"body":${'{"kvlistValue":{"values":[{"value":'.repeat(600)}{}${'}]}}'.repeat(600)}}`,
    'has a million values': `{"unknown":[${'0,'.repeat(1_000_001)}0]}`,
  }
  for (const [name, text] of Object.entries(records)) {
    it(`rejects a record that ${name}, and keeps its neighbours`, () => {
      const { bodies, rejected, reasons } = fromJson(logs(good('1'), text, good('2')))
      assert.deepEqual(bodies, ['1', '2'])
      assert.deepEqual(rejected.map(String), [text])
      assert.match(reasons[0] ?? '', /^The OTLP data at byte \d+ cannot be taken: .*\.$/)
    })
  }

  const broken: Record<string, string> = {
    'has a brace too many': '{"body":{"stringValue":"secret"}}}',
    'has a brace too many in the middle': '{"body":{"stringValue":"secret"}},"severityNumber":9}',
    'lost its last brace': '{"body":{"stringValue":"secret"}',
    'lost a quote': '{"body":{"stringValue":"secret}}',
    'lost the quote before a value': '{"body":{"stringValue":secret"}}',
    'has a quote in a string': '{"body":{"stringValue":"a "secret" b"}}',
    'is cut in a key': '{"body":{"sec',
    'is cut in a string': '{"body":{"stringValue":"sec',
    'is cut after a comma': '{"body":{"stringValue":"secret"},',
    'is half a record': 'secret"}}',
    'is a brace alone': '{',
  }
  for (const [name, text] of Object.entries(broken)) {
    it(`keeps the neighbours of a record that ${name}, in its list and in others`, () => {
      const list = (...texts: string[]) => `{"logRecords":[${texts.join(',')}]}`
      for (const [lists, expected] of [
        [[list(good('1'), text, good('2'), good('3'))], ['1', '2', '3']],
        [[list(good('1'), text, good('2'), text, good('3'))], ['1', '2', '3']],
        [
          [list(good('1')), list(good('2'), text), list(text, good('3'), good('4'))],
          ['1', '2', '3', '4'],
        ],
      ] as const) {
        const { bodies, rejected, reasons } = fromJson(
          `{"resourceLogs":[{"scopeLogs":[${lists.join(',')}]}]}`,
        )
        assert.deepEqual(
          bodies.filter((body) => /^[0-9]$/.test(body)),
          expected,
          lists.join(','),
        )
        assert.ok(String(rejected).includes('sec') || bodies.includes('secret') || text === '{')
        assert.doesNotMatch(reasons.join(), /secret/)
      }
    })
  }

  it('takes names as they are in the .proto files, names of severities, ids in any case, and integers as numbers', () => {
    const { rows } = fromJson(
      '{"resource_logs":[{"resource":{"attributes":[{"key":"n","value":{"int_value":9007199254740993}}]},"scope_logs":[{"log_records":[' +
        '{"time_unix_nano":1795323600123456789,"observed_time_unix_nano":"1","severity_number":"SEVERITY_NUMBER_WARN2","severity_text":"w",' +
        '"trace_id":"ABCD","span_id":"not hex","event_name":"e","body":{"string_value":"x"},' +
        '"attributes":[{"key":"k","value":{"kvlist_value":{"values":[{"key":"d","value":{"double_value":"NaN"}}]}}}]}]}]}]}',
    )
    assert.deepEqual(rows, [
      {
        Timestamp: '2026-11-22T05:00:00.1234567Z',
        ObservedTimestamp: '1970-01-01T00:00:00.0000000Z',
        TraceID: 'abcd',
        SpanID: 'not hex',
        SeverityText: 'w',
        SeverityNumber: 14,
        Body: 'x',
        ResourceAttributes: { n: 9007199254740992 },
        LogsAttributes: { k: { d: null } },
        EventName: 'e',
      },
    ])
  })

  it('keeps integers exact, as numbers and as text', () => {
    for (const integer of ['9007199254740993', '-9223372036854775808', '18446744073709551615']) {
      for (const value of [integer, `"${integer}"`]) {
        const { bodies } = fromJson(logs(`{"body": {"intValue": ${value}}}`))
        assert.deepEqual(bodies, [integer])
      }
    }
  })

  it('reads any layout, a byte order mark, fields that it does not know, and null for nothing', () => {
    const { rows } = fromJson(
      `\ufeff{ "x" : [ 1 , "}" ] ,\r\n"resourceLogs" : [ { "scopeLogs" : [ { "logRecords" : [ { "y" : 2 , "body" : null , "traceId" : null } ,\n` +
        `${good('a')} ] , "scope" : null } ] , "schemaUrl" : "s" , "resource" : null } , { "scopeLogs" : null } ] } \n`,
    )
    assert.deepEqual(
      rows.map((row) => row.Body),
      ['', 'a'],
    )
  })

  it('reads on where a comma is missing or too many', () => {
    const { bodies, rejected } = fromJson(logs(`${good('1')} ${good('2')},`, good('3')))
    assert.deepEqual([bodies, rejected], [['1', '2', '3'], []])
  })

  it('rejects all that belongs to a resource or scope that is damaged, and keeps the others', () => {
    const resource = `{"resource":{"attributes":[nan]},"scopeLogs":[{"logRecords":[${good('lost')}]}]}`
    const scope = `{"scope":1,"logRecords":[${good('lost')}]}`
    const twice = `{"logRecords":[${good('lost')}],"logRecords":[]}`
    const { bodies, rejected } = fromJson(
      `{"resourceLogs":[${resource},{"scopeLogs":[${scope},${twice},{"logRecords":[${good('1')}]}]}]}`,
    )
    assert.deepEqual(bodies, ['1'])
    assert.deepEqual(rejected.map(String), [resource, scope, twice])
  })

  it('rejects what follows the request', () => {
    const { bodies, rejected } = fromJson(`${logs(good('1'))}\n{"log":"x"}\n`)
    assert.deepEqual([bodies, rejected.map(String)], [['1'], ['{"log":"x"}\n']])
  })

  it('refuses what is no request for logs', () => {
    for (const text of [
      '{"log":"x"}',
      '{"resourceSpans":[]}',
      '[]',
      'null',
      '"x"',
      '{',
      '{"resourceLogs":{}}',
      '{"resourceLogs":[1]}',
      ' \n',
      'text',
      logs('{"body":1}'),
    ])
      assert.throws(() => fromJson(text), isUnreadable)
  })
})
