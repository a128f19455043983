import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeText } from '../../helpers/decoding.ts'

const [a, b, c] = ['{"a":1}', '{"b":[{"x":1},{"y":2}]}', '{"c":"},{\\""}']

describe('decode of an array', () => {
  const bad: [string, string][] = [
    ['nan', '{"x":nan}'],
    ['inf', '{"x":-inf,"y":[1,2]}'],
    ['an escape of msgpack extensions', '{"x":"\\x41"}'],
    ['a raw tab in a string', '{"x":"\t"}'],
    ['a raw line break in a string', '{"x":"\n"}'],
    ['a quote in a string', '{"x":"a "b" c"}'],
    ['a missing colon', '{"x" 1}'],
    ['a comma too many', '{"x":1,}'],
    ['text', 'hello world'],
    ['something after the record', '{"x":1} y'],
    ['a missing comma between two', '{"x":1} {"y":1}'],
    ['a bracket too many', '[{"x":1}'],
    ['a missing brace', '{"x":{"y":1}'],
    ['a brace too many', '{"x":1}}'],
    ['a missing inner bracket', '{"x":[{"y":1},{"z":2}}'],
    ['a lost quote', '{"x":"y}'],
    ['a lost quote before nested objects', '{"x":"y,"z":[{"n":1},{"n":2}]}'],
    ['a backslash before the closing quote', '{"x":"y\\"}'],
  ]
  for (const [name, piece] of bad) {
    it(`sets aside ${name} and keeps the neighbours`, () => {
      for (const body of [
        `[${a},${piece},${b},${c}]`,
        `[${a},\n${piece},\n${b},\n${c}]`,
        `[\n  ${a},\n  ${piece},\n  ${b}, ${c}\n]\n`,
      ]) {
        const decoded = decodeText(body)
        assert.deepEqual(decoded.records, [a, b, c], body)
        assert.deepEqual(decoded.rejected, [piece], body)
      }
    })
    it(`sets aside ${name} at the start and at the end of the array`, () => {
      assert.deepEqual(decodeText(`[${piece},${a}]`).records, [a])
      const last = decodeText(`[${a},${b},${piece}]`)
      assert.deepEqual(last.records, [a, b])
      assert.deepEqual(
        last.rejected.map((text) => text.slice(0, piece.length)),
        [piece],
      )
    })
  }

  it('keeps what stands before a cut', () => {
    for (const cut of ['{"x":1', '{"x":"y', '{"x":[1,', '{', '"x']) {
      const decoded = decodeText(`[${a},${b},${cut}`)
      assert.deepEqual(decoded.records, [a, b])
      assert.deepEqual(decoded.rejected, [cut])
    }
  })

  it('keeps lines that are arrays apart from a damaged one', () => {
    for (const damaged of [`[${a},{"x":"y}]`, `[${a},{"x":"y`, `[${a},{"x":[}]`, `[${a},nan]`]) {
      const decoded = decodeText(`[${c}]\n${damaged}\n[${b},${c}]\n`)
      assert.deepEqual(decoded.records, [c, a, b, c], damaged)
      assert.equal(decoded.rejected.length, 1)
    }
  })

  it('keeps an object on the line after a damaged array', () => {
    const decoded = decodeText(`[${a},{"x":"y}]\n${b}\n[1,${c}]\n`)
    assert.deepEqual(decoded.records, [a, b, c])
    assert.deepEqual(decoded.rejected, ['{"x":"y}]', '1'])
  })

  it('goes on line by line in an array that is broken and cut, without taking what is nested for records', () => {
    const broken = '{\n    "x": "y,\n    "z": [\n      {"n":1},\n      {"n":2}\n    ]\n  },'
    const decoded = decodeText(
      `[\n  ${a},\n  ${broken}\n  {\n    "b": 1\n  },\n  {\n    "cut": [\n      {"n":3},`,
    )
    assert.deepEqual(decoded.records, [a, '{     "b": 1   }'])
    assert.deepEqual(decoded.rejected, [broken, '{\n    "cut": [\n      {"n":3},'])
  })

  it('goes on line by line up to the end of the array when its last record is broken', () => {
    const decoded = decodeText(`[\n${a},\n${b},\n{"x":"y}\n]\n`)
    assert.deepEqual(decoded.records, [a, b])
    assert.deepEqual(decoded.rejected, ['{"x":"y}'])
  })

  it('takes members that are no objects for bad records', () => {
    const decoded = decodeText(`[1,${a},"x,]",null,[${b}],-,true]`)
    assert.deepEqual(decoded.records, [a])
    assert.deepEqual(decoded.rejected, ['1', '"x,]"', 'null', `[${b}]`, '-', 'true'])
    assert.deepEqual(decoded.codes.filter((code) => code === 'DECODE_NOT_JSON').length, 1)
  })

  it('says where and why, without content', () => {
    const { reasons } = decodeText(`[${a},\n{"secret":nan},{"secret":[1},${a}]`)
    assert.deepEqual(reasons, [
      'The record at byte 10 (line 2) is not valid JSON: it holds a token that JSON does not know.',
      'The record at byte 25 (line 2) is not valid JSON: brackets do not match.',
    ])
  })
})
