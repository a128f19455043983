import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeText } from '../../helpers/decoding.ts'

const [a, b, c] = ['{"a":1}', '{"b":{"x":[]}}', '{"c":"}{"}']

describe('decode of lines', () => {
  const cases: { name: string; body: string; records: string[]; rejected: string[] }[] = [
    { name: 'a bad token', body: `${a}\n{"x":nan}\n${b}`, records: [a, b], rejected: ['{"x":nan}'] },
    { name: 'text', body: `${a}\nhello\r\n${b}`, records: [a, b], rejected: ['hello'] },
    {
      name: 'text that begins with a bracket',
      body: `[INFO] up\n${a}\n${b}`,
      records: [a, b],
      rejected: ['INFO', 'up'],
    },
    {
      name: 'an array that has no end',
      body: `[2026 up\n${a}\n${b}\n`,
      records: [a, b],
      rejected: ['[2026 up'.slice(1)],
    },
    { name: 'a bracket alone', body: `${a}\n[\n${b}\n${c}\n`, records: [a, b, c], rejected: [] },
    { name: 'a brace alone', body: `${a}\n{\n${b}\n${c}\n`, records: [a, b, c], rejected: ['{'] },
    {
      name: 'a missing brace',
      body: `${a}\n{"x":{"y":1}\n${b}\n${c}`,
      records: [a, b, c],
      rejected: ['{"x":{"y":1}'],
    },
    {
      name: 'a cut after a comma',
      body: `${a}\n{"x":1,\n${b}\n${c}`,
      records: [a, b, c],
      rejected: ['{"x":1,'],
    },
    {
      name: 'a cut after a colon, at the end',
      body: `${a}\n{"x":\n${b}`,
      records: [a, b],
      rejected: ['{"x":'],
    },
    { name: 'a brace too many', body: `{"x":1}}\n${b}`, records: [b], rejected: ['{"x":1}}'] },
    { name: 'an early brace', body: `{"x":1},"y":2}\n${b}`, records: [b], rejected: ['{"x":1},"y":2}'] },
    { name: 'a lost quote', body: `${a}\n{"x":"y}\n${b}`, records: [a, b], rejected: ['{"x":"y}'] },
    {
      name: 'brackets that do not match',
      body: `${a}\n{"x":[1}\n${b}`,
      records: [a, b],
      rejected: ['{"x":[1}'],
    },
    { name: 'a raw tab in a string', body: `{"x":"\t"}\n${b}`, records: [b], rejected: ['{"x":"\t"}'] },
    {
      name: 'a bad object over several lines, in one piece',
      body: `${a}\n{\n  "x": nan,\n  "y": [\n    {"n":1}\n  ]\n}\n${b}`,
      records: [a, b],
      rejected: ['{\n  "x": nan,\n  "y": [\n    {"n":1}\n  ]\n}'],
    },
    {
      name: 'a broken object over several lines, without taking what is nested in it for records',
      body: `${a}\n{\n  "x": "y,\n  "z": [\n    {"n":1},\n    {"n":2}\n  ]\n}\n${b}`,
      records: [a, b],
      rejected: ['{\n  "x": "y,\n  "z": [\n    {"n":1},\n    {"n":2}\n  ]\n}'],
    },
    {
      name: 'a bad record among records on one line',
      body: `${a}{"x":nan}${b}`,
      records: [a, b],
      rejected: ['{"x":nan}'],
    },
    {
      name: 'a lost quote among records on one line',
      body: `${a}{"x":"y}${b}${c}\n${a}`,
      records: [a, b, c, a],
      rejected: ['{"x":"y}'],
    },
    {
      name: 'a missing brace among records on one line',
      body: `${a}{"x":{"y":1}${b}${c}`,
      records: [a, b, c],
      rejected: ['{"x":{"y":1}'],
    },
    {
      name: 'the end of a line of records',
      body: `${a}${b}{"x":"cut\n${c}`,
      records: [a, b, c],
      rejected: ['{"x":"cut'],
    },
  ]
  for (const { name, body, records, rejected } of cases) {
    it(`sets aside ${name} and keeps the neighbours`, () => {
      const decoded = decodeText(body)
      assert.deepEqual(decoded.records, records)
      assert.deepEqual(decoded.rejected, rejected)
      assert.ok(decoded.codes.every((code) => code === 'DECODE_NOT_JSON'))
    })
  }

  const [one, two, three, four] = ['{"id":1}', '{"id":2,"x":"}{"}', '{"id":3,"y":[{"z":1}]}', '{"id":4}']
  const between: [string, string][] = [
    ['text', 'hello'],
    ['text with a quote', 'it"s'],
    ['a number', '42'],
    ['null', 'null'],
    ['a byte that is not UTF-8', '\u00ff'],
    ['a line of an other kind', '<a b="c">'],
    ['text in braces', '{INFO}'],
    ['a brace too many', '{"id":"x"}}'],
    ['a record cut in a string', '{"id":"x","y":"z'],
    ['a record cut in a number', '{"id":"x","y":1'],
    ['a record cut after a comma', '{"id":"x",'],
    ['a record cut in a nested object', '{"id":"x","y":{"z":1'],
    ['a lost quote', '{"id":"x","y":"z}'],
    ['a brace alone', '{'],
  ]
  for (const [name, piece] of between) {
    it(`sets aside ${name} between records on one line, as often as it comes`, () => {
      for (const space of ['', ' ']) {
        for (const list of [
          [one, piece, two, three, four],
          [one, two, piece, three, four],
          [one, two, piece, three, piece, four],
          [one, piece, two, three, piece, four],
          [one, two, three, four, piece],
        ]) {
          const decoded = decodeText(list.join(space))
          assert.deepEqual(decoded.records, [one, two, three, four], list.join(space))
        }
      }
    })
  }

  it('sets aside text before records on one line, but takes no object out of a line of text', () => {
    assert.deepEqual(decodeText(`hello${one}${two}`).records, [one, two])
    const decoded = decodeText(`${a}\nGET ${a} done\nbody=${a}\n${b}`)
    assert.deepEqual(decoded.records, [a, b])
    assert.deepEqual(decoded.rejected, [`GET ${a} done`, `body=${a}`])
  })

  it('tells JSON that is no object from what is no JSON', () => {
    const decoded = decodeText(`${a}\n42\n"x"\nnull\n[1,[${a}]]\ntru\n`)
    assert.deepEqual(decoded.records, [a])
    assert.deepEqual(decoded.rejected, ['42', '"x"', 'null', '1', `[${a}]`, 'tru'])
    assert.deepEqual(decoded.codes, [...Array(5).fill('DECODE_NOT_AN_OBJECT'), 'DECODE_NOT_JSON'])
  })

  it('says where and why, without content', () => {
    const { reasons } = decodeText(`${a}\n\n  {"secret":"\\x41"}\n"secret"\n{"secret":1`)
    assert.deepEqual(reasons, [
      'The record at byte 11 (line 3) is not valid JSON: bad escaped character at byte 23.',
      'The record at byte 29 (line 4) is valid JSON, but not an object.',
      'The record at byte 38 (line 5) is not valid JSON: a closing bracket is missing.',
    ])
  })
})
