import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { describe, it } from 'node:test'
import type { RecordBlock } from '../../../sidecar/core/record-block.ts'
import { decodeBody } from '../../helpers/decoding.ts'
import { recordsOf, textsOf } from '../../helpers/records.ts'
import { readWireRequest } from '../../helpers/wire.ts'

const read = (body: string | Buffer) => {
  const { block, rejected } = decodeBody(Buffer.from(body))
  return {
    records: textsOf(block),
    rejected: rejected.map(({ bytes }) => bytes.toString()),
    block,
    details: rejected,
  }
}

const [a, b, c] = ['{"a":1}', '{"b":[2,{"x":"}{"}]}', '{"c":"},{"}']
const pretty = '{\n  "p": [\n    1,\r\n    {}\n  ]\n}'
const prettyOnOneLine = '{   "p": [     1,      {}   ] }'

describe('decode reads', () => {
  const cases: [string, string, string[]][] = [
    ['an array', `[${a},${b},${c}]`, [a, b, c]],
    ['an array with whitespace', ` [ ${a} ,\t${b}\r\n,\n${c} ]\n`, [a, b, c]],
    ['an array with records on their own lines', `[\n${a},\n${b},\n${c}\n]\n`, [a, b, c]],
    ['a pretty-printed array', `[\n${pretty},\n${pretty}\n]`, [prettyOnOneLine, prettyOnOneLine]],
    ['an array without its closing bracket', `[${a},${b}`, [a, b]],
    ['an array with commas too many', `[,${a},,${b},]`, [a, b]],
    ['an empty array', '[]', []],
    ['an empty array with whitespace', ' [ \n ] ', []],
    ['a single object', a, [a]],
    ['a single object over several lines', `\n${pretty}\n`, [prettyOnOneLine]],
    ['lines with a last newline', `${a}\n${b}\n${c}\n`, [a, b, c]],
    ['lines without a last newline', `${a}\n${b}\n${c}`, [a, b, c]],
    ['lines with CRLF', `${a}\r\n${b}\r\n${c}\r\n`, [a, b, c]],
    ['blank lines and outer whitespace', `\n\n  ${a}\t\n \r\n${b} \n\n`, [a, b]],
    ['a byte order mark', `\uFEFF${a}\n${b}`, [a, b]],
    ['a byte order mark before an array', `\uFEFF[${a}]`, [a]],
    ['objects without any separator', `${a}${b}${c}`, [a, b, c]],
    ['objects with whitespace or commas between', `${a} ${b}\t${c},${a}\n`, [a, b, c, a]],
    ['lines that end in commas', `${a},\n${b},\n${c}\n`, [a, b, c]],
    [
      'objects over several lines, one after the other',
      `${pretty}${pretty}\n${a}${pretty}`,
      Array(2).fill(prettyOnOneLine).concat(a, prettyOnOneLine),
    ],
    ['an object that begins in the middle of a line', `${a}${pretty}${b}\n${c}`, [a, prettyOnOneLine, b, c]],
    ['lines that are arrays', `[${a},${b}]\n[]\n[${c}]\n${a}`, [a, b, c, a]],
    ['arrays one after the other', `[${a}][${b}]${c}[${a}]`, [a, b, c, a]],
    ['a carriage return between tokens', `{"a":\r1}\n`, ['{"a": 1}']],
    ['an empty object', '{}', ['{}']],
  ]
  for (const [name, body, expected] of cases) {
    it(name, () => {
      const { records, rejected } = read(body)
      assert.deepEqual(records, expected)
      assert.deepEqual(rejected, [])
    })
  }
})

describe('decode keeps the bytes', () => {
  const telling = [
    '{"n":9007199254740993,"f":1.5e300,"g":-0.0,"h":1E+2}',
    '{"s":"h\\u00f6her \\ud83d\\ude80 \\/ \\" \\\\"}',
    '{"s":"\u2028 \u{1F680} \u007F"}',
    '{"k":1,"k":2,"__proto__":{"x":1}}',
    '{ "spaces" :  [ 1 , 2 ]\t}',
  ]
  for (const [format, body] of [
    ['an array', `[${telling.join(',')}]`],
    ['lines', telling.join('\n')],
    ['objects without separator', telling.join('')],
  ] as const) {
    it(`of numbers, escapes, duplicate keys and inner whitespace in ${format}`, () => {
      assert.deepEqual(read(body).records, telling)
    })
  }

  it('of text that is not UTF-8', () => {
    const record = Buffer.concat([
      Buffer.from('{"latin":"h'),
      Buffer.from([0xf6, 0xff, 0xc0]),
      Buffer.from('her"}'),
    ])
    for (const body of [record, Buffer.concat([Buffer.from('['), record, Buffer.from(']')])]) {
      assert.deepEqual(recordsOf(decodeBody(body).block), [record])
    }
  })

  it('without copying lines that already have the form of a block', () => {
    const body = Buffer.from(`\n ${a}\n${b}\n${c}\n\n`)
    const { bytes } = decodeBody(body).block
    assert.equal(bytes.buffer, body.buffer)
    assert.equal(bytes.byteOffset, body.byteOffset + 2)
    assert.equal(bytes.toString(), `${a}\n${b}\n${c}\n`)
  })

  it('and leaves the body as it is when pieces of it are rejected', () => {
    for (const body of [`[${a},nan,${b}]`, `${a}\r\nnan\r\n${b}\r\n`, `[${a},nan]`]) {
      const buffer = Buffer.from(body)
      assert.equal(decodeBody(buffer).rejected.length, 1)
      assert.equal(buffer.toString(), body)
    }
  })
})

describe('decode of what Fluent Bit 5.1.1 sends', () => {
  const texts: Record<string, (body: Buffer) => string[]> = {
    'json-array': (body) =>
      body
        .toString()
        .slice(1, -1)
        .split(/(?<=\}),(?=\{)/),
    'default-format': (body) =>
      body
        .toString()
        .slice(1, -1)
        .split(/(?<=\}),(?=\{)/),
    'json-lines': (body) => body.toString().trimEnd().split('\n'),
    gelf: (body) => body.toString().trimEnd().split('\n'),
    'retried-chunk.attempt-1.json-lines': (body) => body.toString().trimEnd().split('\n'),
    'kubernetes-record.json-array': (body) => [body.toString().slice(1, -1)],
    'kubernetes-record.json-stream': (body) => [body.toString()],
    'json-lines.gzip.basic-auth': (body) => gunzipSync(body).toString().trimEnd().split('\n'),
  }
  for (const [name, split] of Object.entries(texts)) {
    it(`gives the exact records of ${name}`, () => {
      const { headers, body } = readWireRequest(name)
      const plain = headers.get('content-encoding') === 'gzip' ? gunzipSync(body) : body
      const { records, rejected } = read(plain)
      assert.deepEqual(records, split(body))
      assert.equal(records.length, name.startsWith('kubernetes') ? 1 : 400)
      assert.deepEqual(rejected, [])
    })
  }

  it('says what it seems to be when nothing can be read', () => {
    const gzip = readWireRequest('json-lines.gzip.basic-auth').body
    assert.throws(() => decodeBody(gzip), {
      code: 'DECODE_UNREADABLE',
      message: /begins at byte 0 with what looks like gzip/,
    })
    const zstd = readWireRequest('json-stream.zstd').body
    assert.throws(() => decodeBody(zstd), { code: 'DECODE_UNREADABLE', message: /looks like zstd/ })
    const utf16 = Buffer.from([0xff, 0xfe, 0x00, 0xd8])
    assert.throws(() => decodeBody(utf16), { code: 'DECODE_UNREADABLE', message: /looks like UTF-16/ })
  })
})

describe('decode chooses the reader', () => {
  const jsonLine = Buffer.from('{"a":1}\n')

  it('of msgpack by the content, whatever the Content-Type', () => {
    const body = gunzipSync(readWireRequest('kubernetes-record.msgpack.gzip').body)
    for (const contentType of [undefined, 'application/json', 'text/plain', 'application/msgpack']) {
      const [record = ''] = textsOf(decodeBody(body, { contentType, records: { dateKey: 'when' } }).block)
      assert.match(record, /^\{"when":"\d{4}-/)
    }
  })

  it('of OTLP by the path', () => {
    const { body } = readWireRequest('opentelemetry-logs.protobuf')
    const { block, rejected } = decodeBody(body, { isOtlp: true, contentType: 'application/x-protobuf' })
    assert.ok(block.ends.length > 0)
    assert.deepEqual(rejected, [])
    assert.throws(() => decodeBody(body), { code: 'DECODE_UNREADABLE' })
  })

  it('of JSON for lines of JSON, also on the path of OTLP, as dead letters of its records come back', () => {
    for (const type of [
      'application/x-ndjson',
      'application/ndjson; charset=utf-8',
      'Application/JsonLines',
      'application/jsonl',
    ]) {
      const { block } = decodeBody(jsonLine, { isOtlp: true, contentType: type })
      assert.deepEqual(textsOf(block), ['{"a":1}'])
    }
    for (const type of ['application/json', 'application/x-ndjsonx', 'text/plain'])
      assert.notDeepEqual(textsOf(decodeOrNothing(jsonLine, type)), ['{"a":1}'])
  })

  function decodeOrNothing(body: Buffer, contentType: string): RecordBlock {
    try {
      return decodeBody(body, { isOtlp: true, contentType }).block
    } catch {
      return { bytes: Buffer.alloc(0), ends: new Uint32Array() }
    }
  }
})

describe('decode throws', () => {
  for (const body of ['\0', '\n\0\0', '\r', '', ' ', '\n\r\n\t ', '\uFEFF', '\uFEFF\n']) {
    it(`DECODE_EMPTY for ${JSON.stringify(body)}`, () => {
      assert.throws(() => decodeBody(Buffer.from(body)), { code: 'DECODE_EMPTY' })
    })
  }

  const unreadable: [string, RegExp][] = [
    ['secret', /It begins at byte 0 with a letter, not with "\{" or "\["\.$/],
    ['\n  42', /It begins at byte 3 with a digit/],
    ['"secret"', /It begins at byte 0 with a punctuation mark/],
    ['\u0000secret', /with a control character/],
    ['ösecret', /with a byte outside ASCII/],
    [
      '{"secret":nan}',
      /The record at byte 0 \(line 1\) is not valid JSON: it holds a token that JSON does not know\.$/,
    ],
    ['\n{"secret":1', /The record at byte 1 \(line 2\) is not valid JSON: a closing bracket is missing\.$/],
    ['{\n  "secret": nan\n}', /The record at byte 0 \(line 1\) is not valid JSON/],
    ['[', /No record can be read from the body of 1 bytes\.$/],
    ['[["secret"]]', /The record at byte 1 \(line 1\) is valid JSON, but not an object\.$/],
    ['[1,null,"secret"]', /The record at byte 1 \(line 1\) is valid JSON, but not an object\.$/],
    [',', /It begins at byte 0 with a punctuation mark/],
    ['null', /It begins at byte 0 with a letter/],
    ['{"secret', /a string has no end/],
  ]
  for (const [body, message] of unreadable) {
    it(`DECODE_UNREADABLE for ${JSON.stringify(body)}, without its content`, () => {
      assert.throws(
        () => decodeBody(Buffer.from(body)),
        (error: Error) => {
          assert.equal((error as Error & { code: string }).code, 'DECODE_UNREADABLE')
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /secret/)
          return true
        },
      )
    })
  }
})
