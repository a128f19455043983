import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findCleanTail } from '../../../sidecar/decode/clean-tail.ts'

function tailOf(text: string, shape: 'array' | 'concatenated', start = 0) {
  const body = Buffer.from(text)
  const { start: offset } = findCleanTail(body, start, body.length, shape)
  return offset < 0 ? undefined : text.slice(offset)
}

describe('findCleanTail in an array', () => {
  const cases: [string, string, string | undefined][] = [
    ['the first sound record after a lost quote', '{"a":"x},{"b":"y"},{"c":"z"}]', '{"b":"y"},{"c":"z"}]'],
    ['a record after text', 'x},{"b":1} , {"c":[{},1]}\n]', '{"b":1} , {"c":[{},1]}\n]'],
    ['a record before members that are no objects', 'x},{"b":1},"x",[1],nan]', '{"b":1},"x",[1],nan]'],
    ['strings with escaped quotes and backslashes', 'x},{"b":"\\"},{\\\\"}]', '{"b":"\\"},{\\\\"}]'],
    ['nothing without the closing bracket', 'x},{"b":1}', undefined],
    ['nothing without a comma before', 'x} {"b":1}]', undefined],
    ['no nested object', '{"a":"x,"list":[{"n":1},{"n":2}]', undefined],
    ['no nested object behind an unknown one', '{"a":"x,"list":[1,{"n":2}]', undefined],
    ['no object after a colon', '{"a":"x,"b":{"n":1}]', undefined],
    ['no record before a bracket too many', '{"b":1},{"c":1}},{"d":1}]', '{"d":1}]'],
    ['no record before a missing comma', '{"a":1},{"b":1}{"c":1},{"d":1}]', '{"d":1}]'],
    ['no record before a backslash outside of strings', 'x,{"a":\\1},{"b":1}]', '{"b":1}]'],
    ['no record with a string right after a token', 'x,{"a":1"b"},{"z":1}]', '{"z":1}]'],
    ['no record before a colon', 'x,{"z":1},"k":2,{"b":1}]', '{"b":1}]'],
    ['records after a bracket that belongs to the damage', 'x,[y,{"b":1}]', '{"b":1}]'],
    [
      'no nested object after a lost backslash, which turns strings inside out',
      '{"a":[null,{"":"aaaa\\\\","\\\\\\"":null}],"aaa"a\\\\a":{}},{"b":1}]',
      '{"b":1}]',
    ],
    ['nothing in nothing', ']', undefined],
  ]
  for (const [name, text, expected] of cases) {
    it(`finds ${name}`, () => assert.equal(tailOf(text, 'array'), expected))
  }

  it('finds only what begins after the start', () => {
    assert.equal(tailOf('{"a":1},{"b":1},{"c":1}]', 'array', 8), '{"c":1}]')
  })
})

describe('findCleanTail in objects one after the other', () => {
  const cases: [string, string, string | undefined][] = [
    ['the first sound object after a lost quote', '{"a":"x}{"b":"}{"} {"c":1}', '{"b":"}{"} {"c":1}'],
    ['no object after a comma', '{"a":"x,{"b":1}', undefined],
    ['no object before text', 'x}{"a":1}x{"b":1}{"c":1}', '{"c":1}'],
    ['no object before a comma', 'x}{"a":1},{"b":1}{"c":1}', '{"c":1}'],
    ['nothing before text at the end', 'x}{"a":1}x', undefined],
  ]
  for (const [name, text, expected] of cases) {
    it(`finds ${name}`, () => assert.equal(tailOf(text, 'concatenated'), expected))
  }
})
