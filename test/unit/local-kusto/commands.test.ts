import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KustoError } from '../../../sidecar/local-kusto/kusto-error.ts'
import { anEngine } from './an-engine.ts'

/** The schema of a table as `.show table ... cslschema` words it. */
function schema(query: (text: string) => Readonly<Record<string, unknown>>[], table = 'T'): unknown {
  return query(`.show table ['${table}'] cslschema`)[0]?.['Schema']
}

describe('table commands', () => {
  it('create a table once, with names and types as they are written', () => {
    const { query } = anEngine()

    query(
      `.create table ['my table'] (a:string, ["b c"] : double, d:date, ['it\\'s']:uuid) with (docstring = "(x)", folder = 'f')`,
    )
    query(`.create table ['my table'] (other:long)`)

    assert.equal(schema(query, 'my table'), String.raw`a:string,['b c']:real,d:datetime,['it\'s']:guid`)
    assert.deepEqual(query('["my table"] | count'), [{ Count: 0 }])
  })

  it('merge the columns that are missing, and keep the rows', () => {
    const { query } = anEngine('a:string', [['x']])

    query('.create-merge table T (b:long, a:string)')

    assert.equal(schema(query), 'a:string,b:long')
    assert.deepEqual(query('T'), [{ a: 'x', b: null }])
    assert.throws(() => query('.create-merge table T (a:long)'), /is of type string, not long/)
  })

  it('drop a table with its rows and mappings', () => {
    const { query } = anEngine('a:string', [['x']])
    query(`.create table T ingestion json mapping 'm' '[{"column":"a","path":"$.a"}]'`)

    query('.drop table T')
    query('.drop table T ifexists')
    query('.create table T (a:string)')

    assert.deepEqual(query('T'), [])
    assert.deepEqual(query('.show table T extents'), [])
    assert.deepEqual(query('.show table T ingestion mappings'), [])
    assert.throws(() => query('.drop table Nope'), /'Nope' of kind 'Table' was not found/)
  })

  it('show columns and schema', () => {
    const { query } = anEngine('a:string, n:long')

    assert.deepEqual(query('.show table T'), [
      { AttributeName: 'a', AttributeType: 'System.String', ColumnType: 'string' },
      { AttributeName: 'n', AttributeType: 'System.Int64', ColumnType: 'long' },
    ])
    const [{ Schema = '' } = {}] = query('.show table T schema as json')
    const parsed = JSON.parse(String(Schema)) as { OrderedColumns: unknown[] }
    assert.deepEqual(parsed.OrderedColumns[1], { Name: 'n', Type: 'System.Int64', CslType: 'long' })
    assert.deepEqual(query('.show database NetDefaultDB schema | project TableName'), [{ TableName: 'T' }])
  })

  it('keep databases apart', () => {
    const { engine, query } = anEngine('a:string')
    query('.create database Other')
    engine.run('Other', '.create table U (n:long)')

    assert.deepEqual(query('.show databases | project DatabaseName'), [
      { DatabaseName: 'NetDefaultDB' },
      { DatabaseName: 'Other' },
    ])
    assert.deepEqual(engine.run('Other', '.show tables | project TableName').rows, [['U']])
    assert.throws(() => engine.run('Other', 'T'), /'T' does not refer to any known/)
    assert.throws(() => engine.run('Nope', '.show tables'), /'Nope' of kind 'Database' was not found/)
  })
})

describe('mapping commands', () => {
  it('create, replace, show and drop', () => {
    const { query } = anEngine('a:string')
    query(`.create table T ingestion json mapping "m" '[' '{"column":"a","path":"$.b"}' ']'`)
    assert.throws(
      () => query(`.create table T ingestion json mapping "m" '[{"column":"a","path":"$.c"}]'`),
      /exists already/,
    )

    query(
      '.create-or-alter table T ingestion json mapping \'m\' ```\n[{"column":"a","path":"$[\'it\\\\\'s\']"}]\n```',
    )

    const shown = query('.show table T ingestion json mappings')
    assert.deepEqual(
      shown.map(({ Name, Mapping }) => [Name, String(Mapping).trim()]),
      [['m', `[{"column":"a","path":"$['it\\\\'s']"}]`]],
    )
    query(".drop table T ingestion json mapping 'm'")
    assert.deepEqual(query('.show table T ingestion mappings'), [])
    assert.throws(
      () => query(".drop table T ingestion json mapping 'm'"),
      /'m' of kind 'Mapping' was not found/,
    )
  })

  it('refuse what cannot be applied', () => {
    const { query } = anEngine('a:string')
    assert.throws(
      () => query(`.create-or-alter table T ingestion csv mapping 'm' '[]'`),
      /other formats than json/,
    )
    assert.throws(() => query(`.create-or-alter table T ingestion json mapping 'm' 'x'`), /it is not JSON/)
    assert.throws(
      () => query(`.create-or-alter table Nope ingestion json mapping 'm' '[]'`),
      /'Nope' of kind 'Table'/,
    )
  })
})

describe('commands that are wrong', () => {
  const wrong = [
    '.dance',
    '.show',
    '.show tables please',
    '.create table T2',
    '.create table T2 ()',
    '.create table T2 (a)',
    '.create table T2 (a:nothing)',
    '.create table T2 (a:string, a:long)',
    ".show table T extents where tags has 'x",
    '.show table T extents where rows > 1',
    '.show table T cslschema now',
  ]
  for (const text of wrong) {
    it(`are refused: ${text}`, () => {
      const { query } = anEngine()
      assert.throws(
        () => query(text),
        (error) => error instanceof KustoError && error.code === 'BadRequest_SyntaxError',
      )
      assert.deepEqual(query('.show tables | project TableName'), [{ TableName: 'T' }])
    })
  }
})

describe('.show table extents', () => {
  it('compares tags whole with has and in part with contains', () => {
    const { query, store } = anEngine()
    const table = store.catalog.get('NetDefaultDB', 'T')
    for (const tags of [['ingest-by:w:1:1'], ['ingest-by:w:1:11', 'drop-by:x'], []]) {
      const extent = store.beginExtent(table)
      extent.append([['x']])
      extent.commit({ tags, rawBytes: 5, createdTicks: 0n })
    }
    const count = (condition: string) =>
      query(`.show table T extents where ${condition} | count`)[0]?.['Count']

    assert.equal(count("tags has 'ingest-by:w:1:1'"), 1)
    assert.equal(count("tags contains 'ingest-by:w:1:1'"), 2)
    assert.equal(count("tags contains 'ingest-by' and tags has 'DROP-BY:X'"), 1)
    assert.equal(count("tags !has 'drop-by:x'"), 3)
    assert.equal(count("tags has 'ingest-by'"), 0)
  })
})
