import type { Column, ColumnType, Row, Value } from '../engine/values.ts'

/** A compiled scalar expression. */
export type Expression = { readonly type: ColumnType; readonly evaluate: (row: Row) => Value }

/** The columns an expression can name, and the time that `now()` gives throughout the query. */
export type Scope = { readonly columns: readonly Column[]; readonly nowTicks: bigint }
