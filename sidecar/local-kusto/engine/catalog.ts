/** Databases, tables and mappings: what exists. Kept in SQLite and, for look-ups, in memory. */
import type { DatabaseSync } from 'node:sqlite'
import { entityNotFound, KustoError, syntaxError } from '../kusto-error.ts'
import type { Column } from './values.ts'

/** Always there; also meant when a request names no database. */
export const defaultDatabase = 'NetDefaultDB'

export type Table = {
  readonly id: number
  readonly database: string
  readonly name: string
  readonly columns: readonly Column[]
}

export type NamedMapping = { readonly name: string; readonly text: string; readonly updatedTicks: bigint }

const maxTables = 10_000
const maxColumns = 1_000

export class Catalog {
  readonly #sql: DatabaseSync
  /** By database, then by table name. */
  readonly #tables = new Map<string, Map<string, Table>>()

  constructor(sql: DatabaseSync) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS databases (name TEXT PRIMARY KEY);
      CREATE TABLE IF NOT EXISTS tables (id INTEGER PRIMARY KEY, database TEXT, name TEXT, columns TEXT, UNIQUE (database, name));
      CREATE TABLE IF NOT EXISTS policies (table_id INTEGER, kind TEXT, text TEXT, PRIMARY KEY (table_id, kind));
      CREATE TABLE IF NOT EXISTS mappings (table_id INTEGER, name TEXT, text TEXT, updated INTEGER, PRIMARY KEY (table_id, name));
    `)
    this.createDatabase(defaultDatabase)
    for (const row of sql.prepare('SELECT name FROM databases').all())
      this.#tables.set(String(row['name']), new Map())
    for (const row of sql.prepare('SELECT * FROM tables ORDER BY id').all()) {
      const columns = JSON.parse(String(row['columns'])) as Column[]
      this.#remember({
        id: Number(row['id']),
        database: String(row['database']),
        name: String(row['name']),
        columns,
      })
    }
  }

  createDatabase(name: string): void {
    this.#sql.prepare('INSERT OR IGNORE INTO databases VALUES (?)').run(name)
    if (!this.#tables.has(name)) this.#tables.set(name, new Map())
  }

  databases(): string[] {
    return [...this.#tables.keys()]
  }

  hasDatabase(name: string): boolean {
    return this.#tables.has(name)
  }

  tables(database: string): Table[] {
    return [...this.#tablesOf(database).values()]
  }

  /** Undefined when there is no such table; throws when there is no such database. */
  find(database: string, name: string): Table | undefined {
    return this.#tablesOf(database).get(name)
  }

  get(database: string, name: string): Table {
    const table = this.find(database, name)
    if (table === undefined) throw entityNotFound('Table', name)
    return table
  }

  /** Adds a table. Its rows live in `rows_<id>`: the extent, then one SQLite column a column. */
  create(database: string, name: string, columns: readonly Column[]): Table {
    checkColumns(columns)
    if (this.tables(database).length >= maxTables)
      throw syntaxError(`a database holds at most ${maxTables} tables here`)
    const { lastInsertRowid } = this.#sql
      .prepare('INSERT INTO tables (database, name, columns) VALUES (?, ?, ?)')
      .run(database, name, JSON.stringify(columns))
    const table = { id: Number(lastInsertRowid), database, name, columns }
    this.#sql.exec(
      `CREATE TABLE rows_${table.id} (extent, ${columns.map((_, index) => `c${index}`).join(', ')})`,
    )
    this.#sql.exec(`CREATE INDEX rows_extent_${table.id} ON rows_${table.id} (extent)`)
    return this.#remember(table)
  }

  /** Adds the columns that are missing; throws when one is there with another type. */
  merge(table: Table, columns: readonly Column[]): Table {
    const added = columns.filter((column) => !table.columns.some((existing) => existing.name === column.name))
    for (const column of columns) {
      const existing = table.columns.find(({ name }) => name === column.name)
      if (existing !== undefined && existing.type !== column.type) {
        throw new KustoError(
          'BadRequest_ColumnTypeMismatch',
          `Column '${column.name}' is of type ${existing.type}, not ${column.type}.`,
        )
      }
    }
    const merged = [...table.columns, ...added]
    checkColumns(merged)
    added.forEach((_, index) => {
      this.#sql.exec(`ALTER TABLE rows_${table.id} ADD COLUMN c${table.columns.length + index}`)
    })
    this.#sql.prepare('UPDATE tables SET columns = ? WHERE id = ?').run(JSON.stringify(merged), table.id)
    return this.#remember({ ...table, columns: merged })
  }

  drop(table: Table): void {
    this.#sql.exec(`DROP TABLE rows_${table.id}`)
    this.#sql.prepare('DELETE FROM mappings WHERE table_id = ?').run(table.id)
    this.#sql.prepare('DELETE FROM policies WHERE table_id = ?').run(table.id)
    this.#sql.prepare('DELETE FROM tables WHERE id = ?').run(table.id)
    this.#tablesOf(table.database).delete(table.name)
  }

  setMapping(table: Table, mapping: NamedMapping): void {
    this.#sql
      .prepare('INSERT OR REPLACE INTO mappings VALUES (?, ?, ?, ?)')
      .run(table.id, mapping.name, mapping.text, mapping.updatedTicks)
  }

  mappings(table: Table): NamedMapping[] {
    const statement = this.#sql.prepare(
      'SELECT name, text, updated FROM mappings WHERE table_id = ? ORDER BY name',
    )
    statement.setReadBigInts(true)
    return statement.all(table.id).map((row) => ({
      name: String(row['name']),
      text: String(row['text']),
      updatedTicks: row['updated'] as bigint,
    }))
  }

  dropMapping(table: Table, name: string): void {
    const { changes } = this.#sql
      .prepare('DELETE FROM mappings WHERE table_id = ? AND name = ?')
      .run(table.id, name)
    if (changes === 0) throw entityNotFound('Mapping', name)
  }

  setPolicy(table: Table, kind: string, text: string): void {
    this.#sql.prepare('INSERT OR REPLACE INTO policies VALUES (?, ?, ?)').run(table.id, kind, text)
  }

  /** The JSON text of a policy of the table's own. */
  policy(table: Table, kind: string): string | undefined {
    const row = this.#sql
      .prepare('SELECT text FROM policies WHERE table_id = ? AND kind = ?')
      .get(table.id, kind)
    return row === undefined ? undefined : String(row['text'])
  }

  #tablesOf(database: string): Map<string, Table> {
    const tables = this.#tables.get(database)
    if (tables === undefined) throw entityNotFound('Database', database)
    return tables
  }

  #remember(table: Table): Table {
    this.#tablesOf(table.database).set(table.name, table)
    return table
  }
}

function checkColumns(columns: readonly Column[]): void {
  if (columns.length === 0) throw syntaxError('a table needs at least one column')
  if (columns.length > maxColumns) throw syntaxError(`a table has at most ${maxColumns} columns here`)
  const names = new Set(columns.map(({ name }) => name))
  if (names.size < columns.length) throw syntaxError('two columns have the same name')
}
