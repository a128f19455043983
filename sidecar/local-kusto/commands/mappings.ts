/** Commands that change ingestion mappings. */
import { KustoError, unsupported } from '../kusto-error.ts'
import { checkMapping } from '../engine/mapping.ts'
import { ticksFromUnixMs } from '../engine/ticks.ts'
import { stringColumns } from './data-management.ts'
import type { Command } from './context.ts'

/** `.create-or-alter table T ingestion json mapping 'name' '[...]'`, and `.create`, which refuses a name that is taken. */
export const createMapping: Command = (reader, { store, database }) => {
  const isReplacing = reader.take('.', 'create-or-alter', 'table') || reader.take('.', 'alter', 'table')
  if (!isReplacing && !reader.take('.', 'create', 'table')) return undefined
  const tableName = reader.name('a table name')
  if (!reader.take('ingestion')) return undefined
  const table = store.catalog.get(database, tableName)
  if (!reader.take('json')) throw unsupported('mappings for other formats than json')
  reader.expect('mapping')
  const name = reader.string('the name of the mapping in quotes')
  const text = reader.strings('the mapping in quotes')
  reader.end()
  checkMapping(text)
  if (!isReplacing && store.catalog.mappings(table).some((mapping) => mapping.name === name)) {
    throw new KustoError('BadRequest_EntityNameAlreadyExists', `Mapping '${name}' exists already.`)
  }
  if (name === '') throw new KustoError('BadRequest_InvalidMapping', 'The mapping has no name.')
  const updatedTicks = ticksFromUnixMs(Date.now())
  store.catalog.setMapping(table, { name, text, updatedTicks })
  return {
    columns: [
      ...stringColumns('Name', 'Kind', 'Mapping'),
      { name: 'LastUpdatedOn', type: 'datetime' },
      ...stringColumns('Database', 'Table'),
    ],
    rows: [[name, 'Json', text, updatedTicks, database, table.name]],
  }
}

export const dropMapping: Command = (reader, { store, database }) => {
  if (!reader.take('.', 'drop', 'table')) return undefined
  const tableName = reader.name('a table name')
  if (!reader.take('ingestion')) return undefined
  reader.expect('json', 'mapping')
  const table = store.catalog.get(database, tableName)
  const name = reader.string('the name of the mapping in quotes')
  reader.end()
  store.catalog.dropMapping(table, name)
  return { columns: stringColumns('Name'), rows: [[name]] }
}
