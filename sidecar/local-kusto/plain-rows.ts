/** Rows as a test wants to compare them. */
import { textOf } from './engine/text.ts'
import { Dynamic, type ColumnType, type Result, type Value } from './engine/values.ts'

/**
 * By column name. Integers are numbers while they are exact and bigint beyond; `datetime` and `timespan` are text as `tostring()` gives
 * it; `dynamic` is parsed JSON with the same rule for integers.
 */
export type PlainRow = Readonly<Record<string, unknown>>

export function toPlainRows({ columns, rows }: Result): PlainRow[] {
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }, index) => [name, toPlain(row[index] ?? null, type)])),
  )
}

function toPlain(value: Value, type: ColumnType): unknown {
  if (value instanceof Dynamic) return parseExactly(value.text)
  if (typeof value !== 'bigint') return value
  if (type === 'datetime' || type === 'timespan') return textOf(value, type)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

type ExactReviver = (key: string, value: unknown, context: { source?: string }) => unknown

function parseExactly(text: string): unknown {
  const revive: ExactReviver = (_key, value, { source }) =>
    typeof value === 'number' &&
    !Number.isSafeInteger(value) &&
    source !== undefined &&
    /^-?\d+$/.test(source)
      ? BigInt(source)
      : value
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown)
}
