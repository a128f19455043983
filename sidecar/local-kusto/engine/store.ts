/**
 * The rows and the extents they belong to, in SQLite.
 *
 * The rows of an extent are written in small groups, so that a large blob does not stop the process, and become visible all
 * at once when the extent is committed; after a crash the rows of an unfinished extent are removed.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Catalog, type Table } from './catalog.ts'
import { mergeExtents, moveExtents, numbersOf, type MovedExtent } from './extent-changes.ts'
import { Dynamic, type Column, type Row, type Value } from './values.ts'

export type Extent = {
  readonly id: string
  readonly tags: readonly string[]
  readonly rowCount: bigint
  readonly rawBytes: bigint
  readonly createdTicks: bigint
}

/** An extent that is being written. Nothing of it can be seen before `commit`. */
export interface ExtentWriter {
  append(rows: readonly Row[]): void
  commit(properties: { tags: readonly string[]; rawBytes: number; createdTicks: bigint }): Extent
  /** Removes what was written. */
  abandon(): void
}

/** 4,096-byte pages: 2 GiB, so that a forgotten local Kusto does not eat the machine. */
const maxPages = 524_288

export class Store {
  readonly catalog: Catalog
  readonly #sql: DatabaseSync
  #nextExtent: bigint

  /** Without a directory everything is in memory. Throws when another process has the directory. */
  constructor(directory: string | undefined) {
    this.#sql = directory === undefined ? new DatabaseSync(':memory:') : openExclusively(directory)
    this.#sql.exec(`PRAGMA max_page_count = ${maxPages}`)
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT);
      CREATE TABLE IF NOT EXISTS extents (
        number INTEGER PRIMARY KEY, id TEXT, table_id INTEGER, committed INTEGER, tags TEXT, rows INTEGER, raw_bytes INTEGER,
        created INTEGER);
      CREATE INDEX IF NOT EXISTS extents_table ON extents (table_id);
    `)
    this.catalog = new Catalog(this.#sql)
    this.#removeUnfinished()
    const last = this.#prepare('SELECT max(number) AS number FROM extents').get()?.['number'] as
      bigint | null | undefined
    this.#nextExtent = (last ?? 0n) + 1n
  }

  /** A value kept with the data, made by `create` at the first call. */
  setting(key: string, create: () => string): string {
    this.#sql.prepare('INSERT OR IGNORE INTO settings VALUES (?, ?)').run(key, create())
    return String(this.#sql.prepare('SELECT value FROM settings WHERE key = ?').get(key)?.['value'])
  }

  rowCount(table: Table): bigint {
    const row = this.#prepare(
      'SELECT sum(rows) AS rows FROM extents WHERE table_id = ? AND committed = 1',
    ).get(table.id)
    return (row?.['rows'] as bigint | null | undefined) ?? 0n
  }

  extents(table: Table): Extent[] {
    const statement = this.#prepare(
      'SELECT * FROM extents WHERE table_id = ? AND committed = 1 ORDER BY number',
    )
    return statement.all(table.id).map((row) => ({
      id: String(row['id']),
      tags: JSON.parse(String(row['tags'])) as string[],
      rowCount: row['rows'] as bigint,
      rawBytes: row['raw_bytes'] as bigint,
      createdTicks: row['created'] as bigint,
    }))
  }

  /** Whether an extent of the table carries this tag. */
  hasTag(table: Table, tag: string): boolean {
    const text = `SELECT 1 FROM extents, json_each(tags) WHERE table_id = ? AND committed = 1 AND json_each.value = ? LIMIT 1`
    return this.#prepare(text).get(table.id, tag) !== undefined
  }

  /** The rows in the order in which they came. Must be read to its end before anything else is awaited. */
  *scan(table: Table): Generator<Row> {
    const names = table.columns.map((_, index) => `c${index}`).join(', ')
    const statement = this.#prepare(
      `SELECT ${names} FROM rows_${table.id}
       WHERE extent IN (SELECT number FROM extents WHERE table_id = ? AND committed = 1) ORDER BY rowid`,
    )
    statement.setReturnArrays(true)
    for (const values of statement.iterate(table.id)) {
      const stored = values as unknown as (string | bigint | number | null)[]
      yield table.columns.map((column, index) => fromSqlite(stored[index] ?? null, column))
    }
  }

  beginExtent(table: Table): ExtentWriter {
    const number = this.#nextExtent
    this.#nextExtent += 1n
    const id = randomUUID()
    this.#sql
      .prepare('INSERT INTO extents (number, id, table_id, committed) VALUES (?, ?, ?, 0)')
      .run(number, id, table.id)
    const marks = table.columns.map(() => '?').join(', ')
    const names = table.columns.map((_, index) => `c${index}`).join(', ')
    const insert = this.#sql.prepare(`INSERT INTO rows_${table.id} (extent, ${names}) VALUES (?, ${marks})`)
    let rowCount = 0n
    return {
      append: (rows) => {
        this.#transaction(() => {
          for (const row of rows) insert.run(number, ...row.map(toSqlite))
        })
        rowCount += BigInt(rows.length)
      },
      commit: ({ tags, rawBytes, createdTicks }) => {
        this.#sql
          .prepare(
            'UPDATE extents SET committed = 1, tags = ?, rows = ?, raw_bytes = ?, created = ? WHERE number = ?',
          )
          .run(JSON.stringify(tags), rowCount, rawBytes, createdTicks, number)
        return { id, tags, rowCount, rawBytes: BigInt(rawBytes), createdTicks }
      },
      abandon: () => {
        this.#removeExtents(table.id, 'number = ?', [number])
      },
    }
  }

  /** Removes these extents with their rows; throws KustoError, with nothing removed, when one is not there. */
  dropExtents(table: Table, ids: readonly string[]): void {
    const numbers = numbersOf(this.#sql, table, ids)
    const marks = numbers.map(() => '?').join(', ')
    this.#removeExtents(table.id, `number IN (${marks})`, numbers)
  }

  /** Takes these extents, with their rows and tags, into another table of the database: all or none. Throws KustoError. */
  moveExtents(from: Table, to: Table, ids: readonly string[]): MovedExtent[] {
    return this.#transaction(() => moveExtents(this.#sql, from, to, ids))
  }

  /** As the service does in the background, unless the policy of the table forbids it. */
  mergeExtents(table: Table): void {
    this.#transaction(() => {
      mergeExtents(this.#sql, table)
    })
  }

  dropTable(table: Table): void {
    this.catalog.drop(table)
    this.#sql.prepare('DELETE FROM extents WHERE table_id = ?').run(table.id)
  }

  close(): void {
    this.#sql.close()
  }

  #removeUnfinished(): void {
    for (const row of this.#sql.prepare('SELECT DISTINCT table_id FROM extents WHERE committed = 0').all()) {
      this.#removeExtents(Number(row['table_id']), 'committed = 0', [])
    }
  }

  #removeExtents(tableId: number, condition: string, values: SQLInputValue[]): void {
    const which = `table_id = ${tableId} AND ${condition}`
    this.#transaction(() => {
      this.#sql
        .prepare(`DELETE FROM rows_${tableId} WHERE extent IN (SELECT number FROM extents WHERE ${which})`)
        .run(...values)
      this.#sql.prepare(`DELETE FROM extents WHERE ${which}`).run(...values)
    })
  }

  #prepare(text: string): StatementSync {
    const statement = this.#sql.prepare(text)
    statement.setReadBigInts(true)
    return statement
  }

  #transaction<Outcome>(work: () => Outcome): Outcome {
    this.#sql.exec('BEGIN')
    try {
      const outcome = work()
      this.#sql.exec('COMMIT')
      return outcome
    } catch (error) {
      if (this.#sql.isTransaction) this.#sql.exec('ROLLBACK')
      throw error
    }
  }
}

function openExclusively(directory: string): DatabaseSync {
  const sql = new DatabaseSync(join(directory, 'engine.sqlite'))
  try {
    sql.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; COMMIT',
    )
    return sql
  } catch (cause) {
    sql.close()
    throw new Error(`Another local Kusto uses ${directory}.`, { cause })
  }
}

function toSqlite(value: Value): SQLInputValue {
  if (value instanceof Dynamic) return value.text
  return typeof value === 'boolean' ? (value ? 1n : 0n) : value
}

function fromSqlite(stored: string | bigint | number | null, column: Column): Value {
  // A column that was added later holds null in the rows before it.
  if (stored === null) return column.type === 'string' ? '' : null
  if (column.type === 'bool') return stored !== 0n
  return column.type === 'dynamic' ? new Dynamic(String(stored)) : stored
}
