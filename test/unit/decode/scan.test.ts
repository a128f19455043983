import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StructuralScanner } from '../../../sidecar/decode/scan.ts'

function scan(text: string, method: 'scanValue' | 'scanElement', depthMax = 100) {
  const body = Buffer.from(text)
  const scanner = new StructuralScanner(body, depthMax)
  const end = scanner[method](0, body.length)
  return end < 0 ? `${scanner.problem} at ${scanner.stoppedAt}` : text.slice(0, end)
}

describe('StructuralScanner.scanValue', () => {
  const cases: [string, string][] = [
    ['{}x', '{}'],
    ['{"a":[{"b":"}\\"]"},[]]} {}', '{"a":[{"b":"}\\"]"},[]]}'],
    ['[1,\n{"a":\n2}\n]\n', '[1,\n{"a":\n2}\n]'],
    ['{"a":nan}', '{"a":nan}'],
    ['{"a":"\\x41\t"}', '{"a":"\\x41\t"}'],
    ['{"a":1', 'a closing bracket is missing at 6'],
    ['{"a":"x', 'a string has no end at 7'],
    ['{"a":"x\\', 'a string has no end at 8'],
    ['{"a":"x\n"}', 'a string holds a line break at 7'],
    ['{"a":"x\\\n"}', 'a string holds a line break at 7'],
    ['{"a":[1}', 'brackets do not match at 7'],
    ['{"a":{}\n{"b":1}}', 'a comma is missing at 8'],
    ['{"a":1 [2]}', 'a comma is missing at 7'],
  ]
  for (const [text, expected] of cases) {
    it(`gives ${JSON.stringify(expected)} for ${JSON.stringify(text)}`, () => {
      assert.equal(scan(text, 'scanValue'), expected)
    })
  }

  it('looks no further than its limit', () => {
    const scanner = new StructuralScanner(Buffer.from('{"a":1}'), 100)
    assert.equal(scanner.scanValue(0, 6), -1)
    assert.equal(scanner.stoppedAt, 6)
    assert.equal(scanner.scanValue(0, 7), 7)
  })

  it('bounds the depth', () => {
    assert.equal(scan(`${'['.repeat(100)}${']'.repeat(100)}`, 'scanValue').length, 200)
    assert.equal(scan('['.repeat(101), 'scanValue'), 'it is nested deeper than 100 levels at 100')
  })
})

describe('StructuralScanner.scanElement', () => {
  const cases: [string, string][] = [
    ['{"a":[1,2]} ,x', '{"a":[1,2]} '],
    ['"a,]",', '"a,]"'],
    ['[1,2]]', '[1,2]'],
    ['1', '1'],
    ['{"a":"x\n"},', '{"a":"x\n"}'],
    ['{"a":{}{}},', '{"a":{}{}}'],
    ['}', 'brackets do not match at 0'],
    ['{"a":1', 'a closing bracket is missing at 6'],
    ['"a', 'a string has no end at 2'],
  ]
  for (const [text, expected] of cases) {
    it(`gives ${JSON.stringify(expected)} for ${JSON.stringify(text)}`, () => {
      assert.equal(scan(text, 'scanElement'), expected)
    })
  }
})
