import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkMapping, compileMapping, identityMapper } from '../../../sidecar/local-kusto/engine/mapping.ts'
import { Dynamic, type Column, type ColumnType } from '../../../sidecar/local-kusto/engine/values.ts'
import { KustoError } from '../../../sidecar/local-kusto/kusto-error.ts'

const record = {
  text: '{"a":{"b c":[1,{"d":"deep"}]},"s":"text","seconds":1767225600,"nanos":1767225600000000100,"x.y":5}',
  lineNumber: 7,
  sourceUrl: 'http://127.0.0.1/container/blob',
}

function mapOne(type: ColumnType, entry: object): unknown {
  const columns: Column[] = [{ name: 'c', type }]
  return compileMapping(JSON.stringify([{ column: 'c', ...entry }]), columns)(record)[0]
}

describe('compileMapping', () => {
  const paths: readonly [string, ColumnType, unknown][] = [
    ['$', 'dynamic', new Dynamic(record.text)],
    ['$.s', 'string', 'text'],
    [`$.a['b c'][0]`, 'long', 1n],
    ['$["a"]["b c"][1].d', 'string', 'deep'],
    [`$['x.y']`, 'long', 5n],
    ['$.a.nothing.here', 'string', ''],
    ['$.s[0]', 'long', null],
  ]
  for (const [path, type, expected] of paths) {
    it(`follows the path ${path}`, () => {
      assert.deepEqual(mapOne(type, { Properties: { Path: path } }), expected)
    })
  }

  it('takes the fields of an element in either place and case', () => {
    assert.equal(mapOne('string', { path: '$.s' }), 'text')
    assert.equal(mapOne('string', { PATH: '$.s', DataType: 'string' }), 'text')
    assert.equal(mapOne('string', { properties: { path: '$.s' } }), 'text')
  })

  it('applies the transforms it knows', () => {
    const newYear = 639_028_224_000_000_000n
    assert.equal(mapOne('datetime', { path: '$.seconds', transform: 'DateTimeFromUnixSeconds' }), newYear)
    assert.equal(
      mapOne('datetime', { path: '$.nanos', transform: 'DateTimeFromUnixNanoseconds' }),
      newYear + 1n,
    )
    assert.equal(mapOne('datetime', { path: '$.s', transform: 'DateTimeFromUnixSeconds' }), null)
    assert.equal(mapOne('long', { transform: 'SourceLineNumber' }), 7n)
    assert.equal(mapOne('string', { transform: 'SourceLocation' }), record.sourceUrl)
    assert.equal(mapOne('string', { Properties: { ConstValue: 'fixed' } }), 'fixed')
  })

  it('collects what no other column takes with DropMappedFields', () => {
    const mapping = [
      { column: 's', path: '$.s' },
      { column: 'rest', path: '$', transform: 'DropMappedFields' },
    ]
    const map = compileMapping(JSON.stringify(mapping), [
      { name: 's', type: 'string' },
      { name: 'rest', type: 'dynamic' },
      { name: 'unmapped', type: 'string' },
    ])

    assert.deepEqual(map({ ...record, text: '{"s":"x","n":1.50,"o":{}}' }), [
      'x',
      new Dynamic('{"n":1.50,"o":{}}'),
      '',
    ])
  })
})

describe('checkMapping', () => {
  const wrong = [
    'x',
    '{}',
    '[]',
    '[1]',
    '[{"path":"$.a"}]',
    '[{"column":"a"}]',
    '[{"column":"a","path":{}}]',
    '[{"column":"a","path":"a"}]',
    '[{"column":"a","path":"$.a[*]"}]',
    '[{"column":"a","path":"$..a"}]',
    '[{"column":"a","path":"$.a","transform":"BytesAsBase64"}]',
    '[{"column":"a","path":"$.a","transform":"DropMappedFields"}]',
  ]
  for (const text of wrong) {
    it(`refuses ${text}`, () => {
      assert.throws(
        () => {
          checkMapping(text)
        },
        (error) => error instanceof KustoError && error.code === 'BadRequest_InvalidMapping',
      )
    })
  }
})

describe('identityMapper', () => {
  it('maps by name, with case', () => {
    const map = identityMapper([
      { name: 's', type: 'string' },
      { name: 'S', type: 'string' },
      { name: 'seconds', type: 'long' },
    ])

    assert.deepEqual(map(record), ['text', '', 1767225600n])
  })
})
