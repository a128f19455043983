import { appendFile } from 'node:fs/promises'
import type { LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'

/** What every record carries, and what has to arrive as it is. 9007199254740993 is the first integer that a double cannot hold. */
export const tricky = {
  big: '9007199254740993',
  text: 'Grüße 😀 "quoted" back\\slash tab\t {not: json}, [x] \u2028 end',
  nested: { list: [1, -2, { deep: [true, null, 'x'] }], empty: {}, pod: 'web-1' },
} as const

/** A line of a log file, with an id that no other line has. Every 50th is long. */
export function lineOf(id: string, n: number): string {
  const { big, text, nested } = tricky
  const padding = n % 50 === 0 ? 'y'.repeat(20_000) : ''
  // Not "id": Fluent Bit leaves that key out of GELF.
  const head = JSON.stringify({ uid: id, text, nested, padding }).slice(0, -1)
  return `${head},"big":${big}}\n`
}

/** Writes lines to a log file and remembers their ids. */
export class LogFile {
  readonly path: string
  readonly ids: string[] = []
  readonly #prefix: string

  constructor(path: string, prefix: string) {
    this.path = path
    this.#prefix = prefix
  }

  async write(count: number): Promise<void> {
    const lines: string[] = []
    for (let n = 0; n < count; n += 1) {
      const id = `${this.#prefix}-${this.ids.length}-end`
      lines.push(lineOf(id, this.ids.length))
      this.ids.push(id)
    }
    await appendFile(this.path, lines.join(''))
  }
}

/** What became of records in a table. */
export type Tally = {
  readonly rows: number
  readonly missing: string[]
  readonly duplicates: number
  /** Ids that nobody wrote. */
  readonly strange: string[]
}

/** Counts ids in a column, wherever in the text of its value they stand. */
export function tally(
  kusto: LocalKusto,
  table: string,
  ids: readonly string[],
  pattern = /\b\w+-\d+-end\b/,
): Tally {
  const rows = kusto.query('Logs', `['${table}'] | project text = tostring(record)`)
  const seen = new Map<string, number>()
  for (const { text } of rows) {
    const [id = `no id in ${String(text).slice(0, 100)}`] = pattern.exec(String(text)) ?? []
    seen.set(id, (seen.get(id) ?? 0) + 1)
  }
  const wanted = new Set(ids)
  return {
    rows: rows.length,
    missing: ids.filter((id) => !seen.has(id)),
    duplicates: rows.length - seen.size,
    strange: [...seen.keys()].filter((id) => !wanted.has(id)),
  }
}

/** Columns and mapping of a table that keeps the whole record. */
export const wholeRecord = {
  columns: 'record: dynamic',
  mappings: { whole: '[{"column":"record","Properties":{"Path":"$"}}]' },
} as const
