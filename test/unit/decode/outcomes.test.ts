/**
 * What becomes of everything that may stand in a body: this table is the promise. Each record is put between two good ones in every
 * form of a body, first, in the middle and last; the good ones always survive as they came.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeLimits } from '../../../sidecar/decode/limits.ts'
import { bodyForms } from '../../helpers/body-forms.ts'
import { decodeBody } from '../../helpers/decoding.ts'
import { recordsOf } from '../../helpers/records.ts'

const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))))
const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

/** Kept as they came, byte for byte. */
const kept: [what: string, record: string | Buffer][] = [
  ['an integer over 2^53', '{"a":9007199254740993,"b":18446744073709551615}'],
  ['a number over the range of a double', '{"a":1e400,"b":-1e400,"c":1e-400}'],
  ['numbers in any notation', '{"a":-0.0,"b":1E+2,"c":0.10}'],
  ['a lone surrogate as an escape', '{"a":"\\ud800","b":"\\udc00\\ud800"}'],
  ['a lone surrogate as bytes (CESU-8, WTF-8)', bytes('{"a":"', 0xed, 0xa0, 0x80, '"}')],
  ['bytes in a string that are not UTF-8', bytes('{"a":"h', 0xf6, 'r ', 0xff, 0xc0, 0x80, '"}')],
  ['bytes in a key that are not UTF-8', bytes('{"h', 0xf6, 'r":1}')],
  ['a key that comes twice', '{"a":1,"a":2}'],
  ['a key that is special in JavaScript', '{"__proto__":{"a":1},"constructor":2}'],
  ['escapes where none is needed', '{"a":"\\u0041\\/\\u00e9"}'],
  ['U+0000 as an escape', '{"a":"\\u0000"}'],
  ['control characters as escapes', '{"a":"\\u0001\\t\\n\\u007f"}'],
  ['DEL as it is', '{"a":"\u007f"}'],
  ['U+2028, U+2029 and U+0085 in a string', '{"a":"\u2028\u2029\u0085"}'],
  ['a byte order mark in a string', '{"a":"\uFEFF"}'],
  ['whitespace between the tokens', '{ "a" :\t[ 1 , 2 ] }'],
  ['an empty object', '{}'],
  ['an empty key', '{"":1}'],
  ['brackets and commas in a string', '{"a":"},{ ][ }{ \\" ,"}'],
  ['a string over 1 MB', `{"a":"${'x'.repeat(1_100_000)}"}`],
  ['100,000 levels', nested(100_000)],
  ['what nan looks like in a string', '{"a":"nan","b":"\\\\x41"}'],
]

/**
 * Kept aside as a dead letter, as they came. A line break in a string cuts it in two in forms of lines. A record that has no end takes
 * the comma or bracket after it with it.
 */
const notJson: [what: string, record: string | Buffer, how?: 'cut' | 'endless'][] = [
  ['nan', '{"a":nan}'],
  ['NaN', '{"a":NaN}'],
  ['inf', '{"a":inf}'],
  ['-inf', '{"a":[1,{"b":-inf}]}'],
  ['Infinity', '{"a":-Infinity}'],
  ['an escape of bytes (msgpack ext in Fluent Bit)', '{"a":"\\x41"}'],
  ['an escape that JSON does not know', '{"a":"\\q"}'],
  ['half an escape', '{"a":"\\u00"}'],
  ['bytes outside of strings that are not UTF-8', bytes('{"a":', 0xff, '}')],
  ['a raw tab in a string', '{"a":"\t"}'],
  ['a raw NUL in a string', '{"a":"\0"}'],
  ['a raw escape character in a string', '{"a":"\u001b[31m"}'],
  ['a raw line feed in a string', '{"a":"x\ny"}', 'cut'],
  ['a raw carriage return in a string', '{"a":"x\ry"}', 'cut'],
  ['a NUL between tokens', '{"a":\0'.concat('1}')],
  ['a byte order mark between tokens', '{"a":\uFEFF1}'],
  ['a no-break space between tokens', '{"a":\u00a01}'],
  ['a trailing comma', '{"a":1,}'],
  ['a trailing comma in an inner array', '{"a":[1,]}'],
  ['single quotes', "{'a':'x'}"],
  ['keys without quotes', '{a:1}'],
  ['a comment', '{"a":1/* one */}'],
  ['a line comment', '{"a":1 // one\n}', 'cut'],
  ['undefined', '{"a":undefined}'],
  ['a number with a leading zero', '{"a":01}'],
  ['a number in hex', '{"a":0x1F}'],
  ['a number with a plus', '{"a":+1}'],
  ['a number with a bare point', '{"a":.5,"b":1.}'],
  ['a missing value', '{"a":}'],
  ['a missing colon', '{"a" 1}'],
  ['a missing inner bracket', '{"a":[1}', 'endless'],
  ['a missing closing quote', '{"a":"x}', 'endless'],
  ['levels over the limit', nested(decodeLimits.depthMax + 1), 'endless'],
]

/** Valid JSON, but not a record. */
const notAnObject: [what: string, record: string][] = [
  ['a number', '42'],
  ['a string', '"text, }{ ["'],
  ['null', 'null'],
  ['a boolean', 'true'],
]

const before = Buffer.from('{"before":"1"}')
const after = Buffer.from('{"after":{"x":[2]}}')
const places: [name: string, around: (record: Buffer) => Buffer[], good: Buffer[]][] = [
  ['first', (record) => [record, before, after], [before, after]],
  ['in the middle', (record) => [before, record, after], [before, after]],
  ['last', (record) => [before, after, record], [before, after]],
]
const asTexts = (list: readonly Buffer[]) => list.map((item) => item.toString('latin1'))

describe('decode keeps as it came', () => {
  for (const [what, text] of kept) {
    it(what, () => {
      const record = Buffer.from(text as string)
      for (const { name, render } of bodyForms) {
        assert.deepEqual(
          asTexts(recordsOf(decodeBody(render([record])).block)),
          asTexts([record]),
          `alone, as ${name}`,
        )
        for (const [place, around] of places) {
          const { block, rejected } = decodeBody(render(around(record)))
          assert.deepEqual(asTexts(recordsOf(block)), asTexts(around(record)), `${place} in ${name}`)
          assert.equal(rejected.length, 0)
        }
      }
    })
  }
})

describe('decode sets aside with DECODE_NOT_JSON', () => {
  for (const [what, text, how] of notJson) {
    const record = Buffer.from(text as string)
    it(`${what}, and keeps its neighbours`, () => {
      for (const { name, render } of bodyForms) {
        for (const [place, around, good] of places) {
          const { block, rejected } = decodeBody(render(around(record)))
          assert.deepEqual(asTexts(recordsOf(block)), asTexts(good), `${place} in ${name}`)
          assert.ok(rejected.every(({ code }) => code === 'DECODE_NOT_JSON'))
          const pieces = rejected.map((piece) => piece.bytes)
          if (how === 'cut') assert.equal(significant(pieces), significant([record]), `${place} in ${name}`)
          else if (how === 'endless')
            assert.equal(
              asTexts(pieces)
                .join('')
                .replace(/\s*[\],]$/, ''),
              asTexts([record]).join(''),
              `${place} in ${name}`,
            )
          else assert.deepEqual(asTexts(pieces), asTexts([record]), `${place} in ${name}`)
        }
      }
    })
    it(`${what}, and refuses a body of nothing else`, () => {
      for (const { render } of bodyForms)
        assert.throws(() => decodeBody(render([record])), { code: 'DECODE_UNREADABLE', httpStatus: 400 })
    })
  }
})

describe('decode sets aside with DECODE_NOT_AN_OBJECT', () => {
  for (const [what, text] of notAnObject) {
    it(what, () => {
      for (const { name, render } of bodyForms.filter(
        (form) => form.name !== 'objects one after the other',
      )) {
        for (const [place, around, good] of places) {
          const { block, rejected } = decodeBody(render(around(Buffer.from(text))))
          assert.deepEqual(asTexts(recordsOf(block)), asTexts(good), `${place} in ${name}`)
          assert.deepEqual(asTexts(rejected.map((piece) => piece.bytes)), [text], `${place} in ${name}`)
          assert.ok(rejected.every(({ code }) => code === 'DECODE_NOT_AN_OBJECT'))
        }
      }
    })
  }
})

describe('decode of a whole body', () => {
  const [a, b] = ['{"a":1}', '{"b":2}']
  const rows: [what: string, body: string | Buffer, records: string[], rejected: string[]][] = [
    ['half a line at the end', `${a}\n${b}\n{"c":"x`, [a, b], ['{"c":"x']],
    ['half a record at the end of an array', `[${a},${b},{"c":[1,`, [a, b], ['{"c":[1,']],
    ['an array without its end', `[${a},${b}`, [a, b], []],
    ['text between lines', `${a}\nhello\n${b}`, [a, b], ['hello']],
    ['an array in an array', `[${a},[${b}]]`, [a], [`[${b}]`]],
    ['UTF-16 with a byte order mark', Buffer.from(`\uFEFF${a}\r\n${b}`, 'utf16le'), [a, b], []],
    [
      'UTF-16 with a byte order mark, big-endian',
      Buffer.from(`\uFEFF[${a},${b}]`, 'utf16le').swap16(),
      [a, b],
      [],
    ],
    ['a NUL after each object, as Vector sends gelf', `${a}\0${b}\0`, [a, b], []],
    ['NULs before, between and after', `\0\0${a}\n\0\r\n${b}\0\0`, [a, b], []],
    ['two files with byte order marks', `\uFEFF${a}\uFEFF${b}`, [a, b], []],
    ['a NUL where a comma is missing', `[${a},{"x":1}\0{"y":2},${b}]\0`, [a, b], ['{"x":1}\0{"y":2}']],
    [
      'a line feed in a string, then text',
      `{"x":"\n${a}\nGET {id} ${b}\n${b}`,
      [a, b],
      ['{"x":"', `GET {id} ${b}`],
    ],
    ['a line feed in a string of a stream', `${a}{"x":"y\nz\n"}${b}${a}`, [a, b, a], ['{"x":"y', 'z', '"}']],
    ['an empty array', '[]', [], []],
  ]
  for (const [what, body, records, rejected] of rows) {
    it(what, () => {
      const decoded = decodeBody(Buffer.from(body as string))
      assert.deepEqual(asTexts(recordsOf(decoded.block)), records)
      assert.deepEqual(asTexts(decoded.rejected.map((piece) => piece.bytes)), rejected)
    })
  }

  it('keeps the lines of Vector’s native_json as they are', () => {
    const lines = ['{"log":{"message":"x","n":1}}', '{"metric":{"name":"y"}}']
    assert.deepEqual(asTexts(recordsOf(decodeBody(Buffer.from(`${lines.join('\n')}\n`)).block)), lines)
  })

  const contentTypes = [
    undefined,
    '',
    'application/json',
    'application/json; charset=utf-8',
    'Application/X-NDJSON;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'application/msgpack',
    'application/x-protobuf',
    'text/plain',
    'text/csv; charset=latin1',
    'nonsense',
  ]
  for (const contentType of contentTypes) {
    it(`is the same with the Content-Type ${String(contentType)}`, () => {
      for (const { render } of bodyForms) {
        const { block, rejected } = decodeBody(render([before, after]), { contentType })
        assert.deepEqual(recordsOf(block), [before, after])
        assert.deepEqual(rejected, [])
      }
    })
  }
})

function significant(pieces: readonly Buffer[]): string {
  return asTexts(pieces).join('').replaceAll(/[\s,]/g, '')
}
