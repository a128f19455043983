/**
 * The scalar types of Kusto and how their values are held: `long`, `int`, `datetime` and `timespan` as bigint (the last two
 * in ticks of 100 ns), `decimal` and `guid` as text, `dynamic` as the JSON text that came in.
 */
const columnTypes = [
  'bool',
  'datetime',
  'decimal',
  'dynamic',
  'guid',
  'int',
  'long',
  'real',
  'string',
  'timespan',
] as const

export type ColumnType = (typeof columnTypes)[number]

export type Column = { readonly name: string; readonly type: ColumnType }

/** A `dynamic` value; its text is valid JSON and never `null`. */
export class Dynamic {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `null` is every null but that of `string`, which Kusto holds as the empty string. */
export type Value = string | bigint | number | boolean | Dynamic | null

export type Row = readonly Value[]

const aliases: Readonly<Record<string, ColumnType>> = {
  boolean: 'bool',
  date: 'datetime',
  double: 'real',
  time: 'timespan',
  uniqueid: 'guid',
  uuid: 'guid',
}

/** The type that a schema names, or undefined. */
export function columnTypeOf(name: string): ColumnType | undefined {
  return (
    columnTypes.find((type) => type === name) ?? (Object.hasOwn(aliases, name) ? aliases[name] : undefined)
  )
}

/** The .NET name, as `DataType` of a response. */
export const dotnetTypes: Readonly<Record<ColumnType, string>> = {
  bool: 'System.SByte',
  datetime: 'System.DateTime',
  decimal: 'System.Data.SqlTypes.SqlDecimal',
  dynamic: 'System.Object',
  guid: 'System.Guid',
  int: 'System.Int32',
  long: 'System.Int64',
  real: 'System.Double',
  string: 'System.String',
  timespan: 'System.TimeSpan',
}

/** What a missing value of this type is. */
export function missingValue(type: ColumnType): Value {
  return type === 'string' ? '' : null
}

/** A table held in memory: the result of a query or command. */
export type Result = { readonly columns: readonly Column[]; readonly rows: readonly Row[] }
