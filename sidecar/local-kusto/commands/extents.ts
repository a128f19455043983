/** Commands that move and drop extents by their ids: all that are named, or none. */
import { unsupported } from '../kusto-error.ts'
import { stringColumns } from './data-management.ts'
import type { Command } from './context.ts'
import type { CommandReader } from './reader.ts'

/** `.move extents from table S to table T [with (...)] (id, ...)`. Properties have no meaning here. */
export const moveExtents: Command = (reader, { store, database }) => {
  if (!reader.take('.', 'move', 'extents')) return undefined
  if (!reader.take('from', 'table')) throw unsupported("that form of '.move extents'")
  const from = store.catalog.get(database, reader.name('a table name'))
  reader.expect('to', 'table')
  const to = store.catalog.get(database, reader.name('a table name'))
  reader.skipWith()
  const ids = readIds(reader)
  reader.end()
  const moved = store.moveExtents(from, to, ids)
  return {
    columns: stringColumns('OriginalExtentId', 'ResultExtentId', 'Details'),
    rows: moved.map((extent) => [extent.from, extent.to, '']),
  }
}

/** `.drop extents (id, ...) from T`. */
export const dropExtents: Command = (reader, { store, database }) => {
  if (!reader.take('.', 'drop', 'extents')) return undefined
  const ids = readIds(reader)
  reader.expect('from')
  const table = store.catalog.get(database, reader.name('a table name'))
  reader.end()
  const created = new Map(store.extents(table).map(({ id, createdTicks }) => [id, createdTicks]))
  store.dropExtents(table, ids)
  return {
    columns: [...stringColumns('ExtentId', 'TableName'), { name: 'CreatedOn', type: 'datetime' }],
    rows: ids.map((id) => [id, table.name, created.get(id) ?? null]),
  }
}

function readIds(reader: CommandReader): string[] {
  const ids: string[] = []
  reader.expect('(')
  do ids.push(reader.name('the id of an extent'))
  while (reader.take(','))
  reader.expect(')')
  return ids
}
