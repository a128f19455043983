/** What happens to extents after they were ingested. Each function is one transaction of its caller: it throws before anything was changed. */
import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { KustoError } from '../kusto-error.ts'
import type { Table } from './catalog.ts'

export type MovedExtent = { readonly from: string; readonly to: string }

/** Throws KustoError when one of these is not in the table: an extent that was moved, dropped or merged is under its id no more. */
export function numbersOf(sql: DatabaseSync, table: Table, ids: readonly string[]): bigint[] {
  const statement = sql.prepare(
    'SELECT number FROM extents WHERE table_id = ? AND committed = 1 AND lower(id) = lower(?)',
  )
  statement.setReadBigInts(true)
  return ids.map((id) => {
    const number = statement.get(table.id, id)?.['number']
    if (typeof number === 'bigint') return number
    throw new KustoError(
      'BadRequest_ExtentNotFound',
      `Extent '${id}' was not found in table '${table.name}'.`,
    )
  })
}

/** A moved extent has another id. Every column of the source has to be in the destination, with its type. */
export function moveExtents(
  sql: DatabaseSync,
  from: Table,
  to: Table,
  ids: readonly string[],
): MovedExtent[] {
  const pairs = from.columns.map(({ name, type }, index) => {
    const target = to.columns.findIndex((column) => column.name === name && column.type === type)
    if (target >= 0) return { source: `c${index}`, target: `c${target}` }
    throw new KustoError(
      'BadRequest_ColumnTypeMismatch',
      `Column '${name}' of type ${type} is not in table '${to.name}'.`,
    )
  })
  const numbers = numbersOf(sql, from, ids)
  const targets = pairs.map(({ target }) => target).join(', ')
  const sources = pairs.map(({ source }) => source).join(', ')
  const rows = sql.prepare(
    `INSERT INTO rows_${to.id} (extent, ${targets}) SELECT extent, ${sources} FROM rows_${from.id} WHERE extent = ? ORDER BY rowid`,
  )
  const gone = sql.prepare(`DELETE FROM rows_${from.id} WHERE extent = ?`)
  const extent = sql.prepare('UPDATE extents SET table_id = ?, id = ? WHERE number = ?')
  return numbers.map((number, index) => {
    const moved = { from: ids[index] ?? '', to: randomUUID() }
    rows.run(number)
    gone.run(number)
    extent.run(to.id, moved.to, number)
    return moved
  })
}

/** All extents of a table become one, with the tags of all, as the service does in the background. */
export function mergeExtents(sql: DatabaseSync, table: Table): void {
  const statement = sql.prepare('SELECT * FROM extents WHERE table_id = ? AND committed = 1 ORDER BY number')
  statement.setReadBigInts(true)
  const [first, ...others] = statement.all(table.id)
  if (first === undefined || others.length === 0) return
  const number = first['number'] as bigint
  for (const other of others) {
    sql
      .prepare(`UPDATE rows_${table.id} SET extent = ? WHERE extent = ?`)
      .run(number, other['number'] as bigint)
    sql.prepare('DELETE FROM extents WHERE number = ?').run(other['number'] as bigint)
  }
  const all = [first, ...others]
  const tags = new Set(all.flatMap((extent) => JSON.parse(String(extent['tags'])) as string[]))
  const sum = (key: string): bigint => all.reduce((total, extent) => total + (extent[key] as bigint), 0n)
  sql
    .prepare('UPDATE extents SET id = ?, tags = ?, rows = ?, raw_bytes = ? WHERE number = ?')
    .run(randomUUID(), JSON.stringify([...tags]), sum('rows'), sum('raw_bytes'), number)
}
