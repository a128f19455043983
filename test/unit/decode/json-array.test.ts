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

  const pair = (piece: string) => [
    `{"id":1}`,
    `{"id":"bad",${piece}`,
    `{"id":2,"x":[{"y":1}]}`,
    `{"id":3}`,
    `{"id":"bad",${piece}`,
    `{"id":4}`,
  ]
  const twice: [string, string][] = [
    ['lost quotes', '"x":"y}'],
    ['lost opening quotes', '"x":y"}'],
    ['backslashes before closing quotes', '"x":"C:\\"}'],
    ['quotes in strings', '"x":"a "b c"}'],
    ['missing braces', '"x":{"y":1}'],
    ['missing inner brackets', '"x":[1,2}'],
    ['brackets that do not match', '"x":[1}}'],
    ['braces too many', '"x":1}}'],
    ['brackets too many', '"x":1]}'],
    ['records cut in a key', '"x'],
    ['records cut in a string', '"x":"y'],
    ['records cut in a number', '"x":1'],
    ['records cut in nested objects', '"x":{"y":{"z":"'],
    ['records cut between nested objects', '"x":[{"y":1},{"z":2}'],
    ['records cut after a comma', '"x":1,'],
  ]
  for (const [name, piece] of twice) {
    it(`keeps what stands between two records with ${name}`, () => {
      const records = pair(piece)
      for (const body of [
        `[${records.join(',')}]`,
        `[\n${records.join(',\n')}\n]\n`,
        `[ ${records.join(' , ')} ]`,
      ]) {
        const decoded = decodeText(body)
        assert.deepEqual(
          decoded.records,
          records.filter((text) => !text.includes('bad')),
          body,
        )
      }
    })
  }

  it('takes nothing that is nested in a damaged record for a record, between two of them either', () => {
    const kids = '"kids":[{"id":1},{"id":2},{"id":3},{"id":4}]'
    for (const damaged of [
      `{"id":"a",${kids},"x":"y}`,
      `{"id":"a","x":nan,${kids}}`,
      `{"id":"a",${kids}}}`,
      `{"x":"y,"z":[{"n":1},{"n":2},{"n":3}]}`,
    ]) {
      const decoded = decodeText(`[${a},${damaged},{"id":5},${damaged},{"id":6}]`)
      assert.deepEqual(
        decoded.records.filter((text) => text !== '{"id":5}'),
        [a, '{"id":6}'],
        damaged,
      )
    }
  })

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
