import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { limits } from '../../../sidecar/core/limits.ts'
import { decodeLimits } from '../../../sidecar/decode/limits.ts'
import { writerLimits } from '../../../sidecar/decode/json-writer.ts'
import { decodeBody, decodeText } from '../../helpers/decoding.ts'
import { jsonSoup, objectTexts, trickyText } from '../../helpers/json-texts.ts'
import { textsOf } from '../../helpers/records.ts'

const plain = { contentType: 'text/plain' } as const
const always = { records: { wrapText: 'always' } } as const
const wrapped = (line: string) => JSON.stringify({ message: line })
const [a, b] = ['{"a":1}', '{"b":[2,{"x":"}{"}]}']

describe('decode of text/plain', () => {
  /** `damaged` is rejected for text/plain, since it is meant as JSON. */
  const cases: [name: string, body: string, records: string[], damaged?: string[]][] = [
    ['lines', 'one\ntwo\n', [wrapped('one'), wrapped('two')]],
    ['lines without the last line end', 'one\ntwo', [wrapped('one'), wrapped('two')]],
    ['CRLF', 'one\r\ntwo\r\n', [wrapped('one'), wrapped('two')]],
    ['CR alone', 'one\rtwo\r', [wrapped('one'), wrapped('two')]],
    ['a carriage return inside of a line', 'one\rtwo\nthree\r\r\n', [wrapped('one\rtwo'), wrapped('three')]],
    ['blank lines', '\n \none\n\t\n\r\n\ntwo\n\n', [wrapped('one'), wrapped('two')]],
    ['spaces around the text', '  one \n\ttwo\t', [wrapped('  one '), wrapped('\ttwo\t')]],
    ['a byte order mark', '\uFEFF one\ntwo', [wrapped(' one'), wrapped('two')]],
    [
      'quotes, backslashes and tabs',
      'say "a\\b"\t\u001b[31m\u0000\u0008\u000c\u007f',
      [wrapped('say "a\\b"\t\u001b[31m\u0000\b\f\u007f')],
    ],
    ['any script', 'h\u00f6her \u{1F680} \u2028', [wrapped('h\u00f6her \u{1F680} \u2028')]],
    [
      'lines that begin like JSON',
      '[INFO] up\n[2026] {x}\n{a} {b}\n{"a":1} done',
      ['[INFO] up', '[2026] {x}', '{a} {b}', '{"a":1} done'].map(wrapped),
      ['{"a":1} done'],
    ],
    [
      'text between two objects',
      'x\n{"a":1} and {"b":2}\n',
      [wrapped('x'), wrapped('{"a":1} and {"b":2}')],
      ['{"a":1} and {"b":2}'],
    ],
    [
      'numbers and strings',
      '42\n"x"\nnull\nx\n',
      [wrapped('42'), wrapped('"x"'), wrapped('null'), wrapped('x')],
    ],
    ['objects among lines', `one\n${a}\n  ${b} \r\ntwo\n${a},\n`, [wrapped('one'), a, b, wrapped('two'), a]],
    ['an object with carriage returns between tokens', 'one\n{"a":\r1}\n', [wrapped('one'), '{"a": 1}']],
    [
      'a bad object',
      `${a}\n{"x":nan}\n{"y":\n`,
      [a, wrapped('{"x":nan}'), wrapped('{"y":')],
      ['{"x":nan}', '{"y":'],
    ],
    ['punctuation alone', ',\n', [wrapped(',')]],
    [
      'a line of objects, one of them bad',
      `${a}{"x":nan}${b}\none`,
      [a, b, wrapped('{"x":nan}'), wrapped('one')],
      ['{"x":nan}'],
    ],
    [
      'an array with a bad record',
      `[${a},{"x":nan},${b},nan]`,
      [a, b, wrapped('{"x":nan}'), wrapped('nan')],
      ['{"x":nan}', 'nan'],
    ],
    [
      'an array over several lines with a bad record',
      `[\n  ${a},\n  {"x":\n nan},\n  ${b}\n]\n`,
      [a, b, wrapped('{"x":\n nan}')],
      ['{"x":\n nan}'],
    ],
    [
      'a line that is an array with a bad record',
      `one\n[${a},{"x":nan}]`,
      [wrapped('one'), a, wrapped('{"x":nan}')],
      ['{"x":nan}'],
    ],
    ['an array of nothing good', 'x\n[{"x":nan}]', [wrapped('x'), wrapped('[{"x":nan}]')], ['[{"x":nan}]']],
    ['csv', 'a,"b c",3\n,,\n', [wrapped('a,"b c",3'), wrapped(',,')]],
    [
      'logfmt, syslog and cef',
      'level=info msg="x"\n<34>1 2026-01-01T00:00:00Z h a - - - x\nCEF:0|a|b|1|1|x|1|',
      ['level=info msg="x"', '<34>1 2026-01-01T00:00:00Z h a - - - x', 'CEF:0|a|b|1|1|x|1|'].map(wrapped),
    ],
  ]
  for (const [name, body, records, damaged = []] of cases) {
    it(`makes records of ${name}`, () => {
      const decoded = decodeText(body, always)
      assert.deepEqual([decoded.records, decoded.rejected], [records, []])
      const sound = records.filter((record) => !damaged.map(wrapped).includes(record))
      for (const options of [plain, { contentType: 'Text/X-Anything; charset=utf-8' }]) {
        const { records: taken, rejected, codes } = decodeText(body, options)
        assert.deepEqual([taken, rejected], [sound, damaged])
        assert(codes.every((code) => code === 'DECODE_NOT_JSON'))
      }
    })
  }

  it('is unreadable when nothing in it is good', () => {
    for (const body of ['{"x":nan}', '[{"x":nan},', '{"x":'])
      assert.throws(() => decodeText(body, plain), { code: 'DECODE_UNREADABLE' })
  })

  it('says where damaged JSON begins', () => {
    assert.match(decodeText('one\n{"x":nan}', plain).reasons[0] ?? '', /begins at byte 4 /)
  })

  it('is JSON when all of it is', () => {
    for (const body of [`[${a},${b}]`, `${a}\n${b}\n`, `${a}${b}`, `\n${a}\0${b}\0`])
      assert.deepEqual(decodeText(body, plain).records, [a, b])
    assert.deepEqual(decodeText('{\n  "a": 1\n}', plain).records, ['{   "a": 1 }'])
  })

  it('replaces bytes that are not UTF-8, in text but not in objects', () => {
    const bad = Buffer.from([0x68, 0xf6, 0x72, 0xff])
    const object = Buffer.concat([Buffer.from('{"a":"'), bad, Buffer.from('"}')])
    const { block } = decodeBody(Buffer.concat([bad, Buffer.from('\n'), object]), plain)
    const expected = Buffer.concat([Buffer.from(`${wrapped('h\uFFFDr\uFFFD')}\n`), object, Buffer.from('\n')])
    assert.deepEqual(block.bytes, expected)
  })

  it('reads UTF-16', () => {
    const body = Buffer.from('\uFEFFh\u00f6her\r\n{"a":1}\r\n', 'utf16le')
    for (const bytes of [body, Buffer.from(body).swap16()])
      assert.deepEqual(textsOf(decodeBody(bytes, plain).block), [wrapped('h\u00f6her'), '{"a":1}'])
  })

  it('takes lines of any length, and objects of any depth', () => {
    const long = 'x\t'.repeat(2_000_000)
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    const longObject = `{"a":"${'y'.repeat(3_000_000)}"}`
    assert.deepEqual(decodeText([long, deep, longObject].join('\n'), plain).records, [
      wrapped(long),
      deep,
      longObject,
    ])
    const tooDeep = `{"a":${'['.repeat(decodeLimits.depthMax)}${']'.repeat(decodeLimits.depthMax)}}`
    assert.deepEqual(decodeText(`one\n${tooDeep}`, always).records, [wrapped('one'), wrapped(tooDeep)])
  })

  it('takes more bad lines than JSON may have', () => {
    const count = limits.rejectedMaxCount + 10
    const { records } = decodeText(`${'x\n'.repeat(count)}${a}`, plain)
    assert.equal(records.length, count + 1)
    assert.equal(records.at(-1), a)
    const array = decodeText(`[\n${a},\n${'nan,\n'.repeat(count)}${b}\n]`, always).records
    assert.equal(array.length, count + 4)
    assert.deepEqual([array[1], array.at(-2)], [a, b])
  })

  it('keeps the rest aside, in one piece, when too many lines are damaged JSON', () => {
    const damaged = '{"a":nan}\n'.repeat(limits.rejectedMaxCount)
    const { records, rejected } = decodeText(`one\n${damaged}two\n${a}\n`, plain)
    assert.deepEqual(records, [wrapped('one')])
    assert.equal(rejected.length, limits.rejectedMaxCount + 1)
    assert.deepEqual(decodeText(rejected.at(-1) ?? '', plain).records, [wrapped('two'), a])
  })

  it('parses no line that cannot be an object', (test) => {
    const parse = test.mock.method(JSON, 'parse')
    const lines = ['{a b}', '{} {}x}', '[{1 2} {3 4}]', '[INFO] {x}']
    assert.deepEqual(decodeText(lines.join('\n'), plain).records, lines.map(wrapped))
    assert.ok(parse.mock.callCount() <= 2 + lines.length, String(parse.mock.callCount()))
  })

  it('throws DECODE_EMPTY for blank text', () => {
    for (const body of ['', '\n', ' \r\n\t', '\uFEFF\n'])
      assert.throws(() => decodeText(body, always), { code: 'DECODE_EMPTY' })
  })

  it('keeps the rest aside, in one piece, when the records would be many times the body', () => {
    // The last record that begins is one that does not fit to its end.
    const options = { ...plain, records: { textKey: 'k'.repeat(12268) } }
    const lines = Math.ceil(writerLimits.outputMinBytes / 12277) + 1_000
    const { records, rejected, codes, reasons } = decodeText('x\n'.repeat(lines), options)
    assert.deepEqual(codes, ['DECODE_NOT_JSON'])
    assert.equal(records.length, Math.floor(writerLimits.outputMinBytes / 12277))
    assert.equal(records.length + (rejected[0] ?? '').split('\n').length - 1, lines)
    assert.match(reasons[0] ?? '', /^The lines before byte \d+ became \d+ bytes of records/)
  })
})

describe('decode wraps', () => {
  it('under the configured key, whatever it is', () => {
    const textKey = 'log "line" \u00e9'
    const [record = ''] = decodeText('one', { ...plain, records: { textKey } }).records
    assert.deepEqual(JSON.parse(record), { [textKey]: 'one' })
  })

  it('other bodies only with wrap_text: always, and none with never', () => {
    for (const contentType of [
      undefined,
      'application/json',
      'application/x-ndjson',
      'application/text/plain',
      'xtext/plain',
    ]) {
      assert.throws(() => decodeText('one', { contentType }), { code: 'DECODE_UNREADABLE' })
      assert.deepEqual(decodeText('one', { contentType, ...always }).records, [wrapped('one')])
      assert.deepEqual(decodeText(`one\n${a}`, { contentType }).rejected, ['one'])
    }
    assert.throws(() => decodeText('one', { ...plain, records: { wrapText: 'never' } }), {
      code: 'DECODE_UNREADABLE',
    })
    assert.deepEqual(decodeText(`one\n${a}`, { ...plain, records: { wrapText: 'never' } }).rejected, ['one'])
  })
})

describe('decode of any text', () => {
  const line = fc
    .oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      trickyText,
      jsonSoup,
      objectTexts(trickyText, ' '),
      fc.string({ unit: 'binary', maxLength: 10 }).map((text) => text.toWellFormed()),
    )
    .map((text) => text.replaceAll(/[\r\n\0\uFEFF]/g, ''))

  it('gives valid objects, and rejects and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
        fc.pre(lines.some((text) => /[^ \t,[\]]/.test(text)))
        const { block, rejected } = decodeBody(Buffer.from(lines.join(end)), { ...plain, ...always })
        assert.deepEqual(rejected, [])
        const values = textsOf(block).map((text) => ({
          text,
          value: JSON.parse(text) as Record<string, unknown>,
        }))
        for (const { value } of values)
          assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value))
        const all = values
          .map(({ text, value }) => (typeof value['message'] === 'string' ? value['message'] : text))
          .join('')
        const significant = (text: string) =>
          text
            .replaceAll(/[\s,[\]]/g, '')
            .split('')
            .sort()
            .join('')
        assert.equal(significant(all), significant(lines.join('')))
      }),
      { numRuns: 3_000 },
    )
  })

  it('keeps each object of a line, and wraps each other line as a whole', () => {
    const words = fc
      .string({
        unit: fc.constantFrom('a', 'b', ' ', '"', '\\', '\t', '\u0001', '{', '}', '\u00e9'),
        maxLength: 10,
      })
      .map((text) => `x${text}`)
    const entry = fc.oneof(
      words.map((text) => ({ line: text, record: wrapped(text) })),
      objectTexts(trickyText, ' ').map((text) => ({ line: text, record: text })),
    )
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1 }), (entries) => {
        const { records } = decodeText(entries.map((one) => one.line).join('\n'), plain)
        assert.deepEqual(
          records,
          entries.map((one) => one.record),
        )
      }),
      { numRuns: 1_000 },
    )
  })
})
