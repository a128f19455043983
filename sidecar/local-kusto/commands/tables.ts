/** Commands about databases, tables and extents. */
import { entityNotFound, KustoError, unsupported } from '../kusto-error.ts'
import type { Table } from '../engine/catalog.ts'
import { dotnetTypes, type Column, type Result } from '../engine/values.ts'
import { stringColumns } from './data-management.ts'
import type { Command } from './context.ts'
import { kindOf, showPolicy } from './policies.ts'

export const createDatabase: Command = (reader, { store }) => {
  if (!reader.take('.', 'create', 'database')) return undefined
  const name = reader.name('a database name')
  reader.take('volatile')
  reader.take('ifnotexists')
  reader.end()
  store.catalog.createDatabase(name)
  return { columns: stringColumns('DatabaseName'), rows: [[name]] }
}

export const showDatabases: Command = (reader, { store }) => {
  if (!reader.take('.', 'show', 'databases')) return undefined
  reader.end()
  const columns = [
    ...stringColumns('DatabaseName', 'PersistentStorage', 'Version'),
    { name: 'IsCurrent', type: 'bool' } as const,
  ]
  return { columns, rows: store.catalog.databases().map((name) => [name, '', 'v1.0', false]) }
}

export const showTables: Command = (reader, { store, database }) => {
  if (!reader.take('.', 'show', 'tables')) return undefined
  reader.end()
  return {
    columns: stringColumns('TableName', 'DatabaseName', 'Folder', 'DocString'),
    rows: store.catalog.tables(database).map((table) => [table.name, table.database, '', '']),
  }
}

/** `.create table` does nothing when the table is there; the merge forms add the columns that are missing. */
export const createTable: Command = (reader, { store, database }) => {
  const isMerge = reader.take('.', 'create-merge', 'table') || reader.take('.', 'alter-merge', 'table')
  if (!isMerge && !reader.take('.', 'create', 'table')) return undefined
  const name = reader.name('a table name')
  const existing = store.catalog.find(database, name)
  const model = !isMerge && reader.take('based-on') ? reader.name('a table name') : undefined
  const columns = model === undefined ? reader.columns() : store.catalog.get(database, model).columns
  const isOptional = model === undefined || reader.take('ifnotexists')
  reader.skipWith()
  reader.end()
  if (existing !== undefined && !isOptional)
    throw new KustoError('BadRequest_EntityNameAlreadyExists', `Table '${name}' exists already.`)
  if (existing === undefined) return describe([store.catalog.create(database, name, columns)])
  return describe([isMerge ? store.catalog.merge(existing, columns) : existing])
}

export const dropTable: Command = (reader, { store, database }) => {
  if (!reader.take('.', 'drop', 'table')) return undefined
  const name = reader.name('a table name')
  const isOptional = reader.take('ifexists')
  reader.end()
  const table = store.catalog.find(database, name)
  if (table !== undefined) store.dropTable(table)
  else if (!isOptional) throw entityNotFound('Table', name)
  return describe(store.catalog.tables(database))
}

export const showTable: Command = (reader, context) => {
  if (!reader.take('.', 'show', 'table')) return undefined
  const { store, database } = context
  const table = store.catalog.get(database, reader.name('a table name'))
  if (reader.take('extents')) return showExtents(table, reader, context)
  if (reader.take('cslschema') || reader.take('schema', 'as', 'csl')) {
    reader.end()
    return describe([table])
  }
  if (reader.take('schema', 'as', 'json')) {
    reader.end()
    return {
      columns: stringColumns('TableName', 'Schema', 'DatabaseName', 'Folder', 'DocString'),
      rows: [jsonSchemaRow(table)],
    }
  }
  if (reader.take('ingestion', 'mappings') || reader.take('ingestion', 'json', 'mappings')) {
    reader.end()
    return showMappings(table, context)
  }
  if (reader.take('policy')) {
    const kind = kindOf(reader)
    reader.end()
    return showPolicy(table, kind, store.catalog.policy(table, kind))
  }
  reader.end()
  const rows = table.columns.map(({ name, type }) => [name, dotnetTypes[type], type])
  return { columns: stringColumns('AttributeName', 'AttributeType', 'ColumnType'), rows }
}

const showMappings = (table: Table, { store }: Parameters<Command>[1]): Result => ({
  columns: [
    ...stringColumns('Name', 'Kind', 'Mapping'),
    { name: 'LastUpdatedOn', type: 'datetime' },
    ...stringColumns('Database', 'Table'),
  ],
  rows: store.catalog
    .mappings(table)
    .map(({ name, text, updatedTicks }) => [name, 'Json', text, updatedTicks, table.database, table.name]),
})

const extentColumns: readonly Column[] = [
  { name: 'ExtentId', type: 'guid' },
  { name: 'DatabaseName', type: 'string' },
  { name: 'TableName', type: 'string' },
  { name: 'MaxCreatedOn', type: 'datetime' },
  { name: 'OriginalSize', type: 'real' },
  { name: 'RowCount', type: 'long' },
  { name: 'Tags', type: 'string' },
]

type Reader = Parameters<Command>[0]

/** `.show table T extents [where tags has|contains 'x' [and tags ...]]`; tags are compared whole with `has`, as the service does. */
function showExtents(table: Table, reader: Reader, { store }: Parameters<Command>[1]): Result {
  const conditions: ((tags: readonly string[]) => boolean)[] = []
  if (reader.take('where')) {
    do conditions.push(tagCondition(reader))
    while (reader.take('and'))
  }
  reader.end()
  const extents = store.extents(table).filter(({ tags }) => conditions.every((condition) => condition(tags)))
  const rows = extents.map((extent) => [
    extent.id,
    table.database,
    table.name,
    extent.createdTicks,
    Number(extent.rawBytes),
    extent.rowCount,
    extent.tags.join('\r\n'),
  ])
  return { columns: extentColumns, rows }
}

function tagCondition(reader: Reader): (tags: readonly string[]) => boolean {
  reader.expect('tags')
  const isNegated = reader.take('!')
  const isPart = reader.take('contains')
  if (!isPart) reader.expect('has')
  const wanted = reader.string('a tag in quotes').toLowerCase()
  return (tags) =>
    tags.some((tag) => (isPart ? tag.toLowerCase().includes(wanted) : tag.toLowerCase() === wanted)) !==
    isNegated
}

export const showDatabaseSchema: Command = (reader, { store }) => {
  if (!reader.take('.', 'show', 'database')) return undefined
  const database = reader.name('a database name')
  if (!reader.take('cslschema') && !reader.take('schema')) throw unsupported("that form of '.show database'")
  if (reader.take('as')) throw unsupported("'.show database ... schema as'")
  reader.end()
  return describe(store.catalog.tables(database))
}

function describe(tables: readonly Table[]): Result {
  return {
    columns: stringColumns('TableName', 'Schema', 'DatabaseName', 'Folder', 'DocString'),
    rows: tables.map((table) => [
      table.name,
      table.columns.map(schemaPart).join(','),
      table.database,
      '',
      '',
    ]),
  }
}

function schemaPart({ name, type }: Column): string {
  return `${/^[A-Za-z_]\w*$/.test(name) ? name : `['${name.replaceAll("'", String.raw`\'`)}']`}:${type}`
}

function jsonSchemaRow(table: Table): string[] {
  const columns = table.columns.map(({ name, type }) => ({
    Name: name,
    Type: dotnetTypes[type],
    CslType: type,
  }))
  return [table.name, JSON.stringify({ Name: table.name, OrderedColumns: columns }), table.database, '', '']
}
