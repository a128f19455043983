/** Equality and order of values, with Kusto's rules for null and for `dynamic` operands. */
import { itemsOf, propertiesOf } from '../engine/json-text.ts'
import { Dynamic, type ColumnType, type Value } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'

/** What is compared: a `dynamic` operand becomes the scalar in it. */
export type Scalar = string | bigint | number | boolean | null

const numeric: readonly ColumnType[] = ['int', 'long', 'real']

/** Throws when the binder let through what cannot be compared here. */
export function checkComparable(left: ColumnType, right: ColumnType): void {
  const areNumbers = numeric.includes(left) && numeric.includes(right)
  if (left === right || areNumbers || left === 'dynamic' || right === 'dynamic') {
    if (left === 'decimal' || right === 'decimal') throw unsupported('comparing decimals')
    for (const type of [left, right]) {
      const isTime = type === 'datetime' || type === 'timespan' || type === 'guid'
      if (left !== right && isTime)
        throw unsupported(`comparing ${left} with ${right}; convert the dynamic value, as with todatetime()`)
    }
    return
  }
  throw unsupported(`comparing ${left} with ${right}; convert one of them, as with tostring()`)
}

/** The scalar in a value; throws for an array or object. */
export function scalarOf(value: Value): Scalar {
  if (!(value instanceof Dynamic)) return value
  const { text } = value
  if (itemsOf(text) !== undefined || propertiesOf(text) !== undefined)
    throw unsupported('comparing a dynamic array or object')
  if (/^-?\d+$/.test(text)) return BigInt(text)
  return JSON.parse(text) as Scalar
}

/** Below, at or above zero, or undefined when one is null or they are of different kinds. */
export function order(left: Scalar, right: Scalar): number | undefined {
  if (left === null || right === null) return undefined
  const [a, b] = typeof left === 'bigint' && typeof right === 'number' ? [Number(left), right] : [left, right]
  const [x, y] = typeof a === 'number' && typeof b === 'bigint' ? [a, Number(b)] : [a, b]
  if (typeof x !== typeof y)
    throw unsupported(`comparing a dynamic ${typeof x} with a ${typeof y}; convert it, as with tostring()`)
  if (x === y) return 0
  return x < y ? -1 : x > y ? 1 : undefined
}

/** Null when both are null, as in Kusto. */
export function equal(left: Scalar, right: Scalar): boolean | null {
  if (left === null && right === null) return null
  if (left === null || right === null) return false
  return order(left, right) === 0
}

/** Equal for two values that belong to one group. */
export function groupKey(values: readonly Value[]): string {
  return JSON.stringify(
    values.map((value) =>
      value === null ? null : [typeof value, value instanceof Dynamic ? value.text : String(value)],
    ),
  )
}

/** For `sort`: nulls last when ascending is false and first otherwise, unless the caller said where. */
export function sortOrder(
  left: Value,
  right: Value,
  options: { isAscending: boolean; areNullsFirst: boolean },
): number {
  const [a, b] = [scalarOf(left), scalarOf(right)]
  if (a === null || b === null) return a === b ? 0 : (a === null) === options.areNullsFirst ? -1 : 1
  const compared = order(a, b) ?? 0
  return options.isAscending ? compared : -compared
}
