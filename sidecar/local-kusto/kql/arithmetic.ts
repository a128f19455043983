/** `+ - * / %` and `bin()`. Integers are of 64 bits and wrap; a division by zero is null for integers. */
import type { ColumnType, Value } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'

export type BinaryFunction = (left: Value, right: Value) => Value

const integers: readonly ColumnType[] = ['int', 'long']
const times: readonly ColumnType[] = ['datetime', 'timespan']

const onIntegers: Readonly<Record<string, (a: bigint, b: bigint) => bigint | null>> = {
  AddExpression: (a, b) => a + b,
  SubtractExpression: (a, b) => a - b,
  MultiplyExpression: (a, b) => a * b,
  DivideExpression: (a, b) => (b === 0n ? null : a / b),
  // The sign of Kusto's modulo is not that of JavaScript for every operand, so that negative operands are refused.
  ModuloExpression: (a, b) => {
    if (a < 0n || b < 0n) throw unsupported('modulo of negative numbers')
    return b === 0n ? null : a % b
  },
}

const onReals: Readonly<Record<string, (a: number, b: number) => number>> = {
  AddExpression: (a, b) => a + b,
  SubtractExpression: (a, b) => a - b,
  MultiplyExpression: (a, b) => a * b,
  DivideExpression: (a, b) => a / b,
}

/** The function of an operator for operands of these types; throws when it is not known. */
export function arithmetic(kind: string, left: ColumnType, right: ColumnType): BinaryFunction {
  const areIntegers = integers.includes(left) && integers.includes(right)
  const integerFunction = onIntegers[kind]
  if (areIntegers && integerFunction !== undefined) return onBigints(integerFunction)
  const isTimeSum =
    times.includes(left) &&
    times.includes(right) &&
    (kind === 'AddExpression' || kind === 'SubtractExpression')
  if (isTimeSum && integerFunction !== undefined) return onBigints(integerFunction)
  const realFunction = onReals[kind]
  const areNumbers = [left, right].every((type) => type === 'real' || integers.includes(type))
  if (areNumbers && realFunction !== undefined) {
    return (a, b) => (a === null || b === null ? null : realFunction(Number(a), Number(b)))
  }
  throw unsupported(`this operation on ${left} and ${right}`)
}

function onBigints(operation: (a: bigint, b: bigint) => bigint | null): BinaryFunction {
  return (a, b) => {
    if (typeof a !== 'bigint' || typeof b !== 'bigint') return null
    const value = operation(a, b)
    return value === null ? null : BigInt.asIntN(64, value)
  }
}

/** Rounds down to a multiple of `size`. */
export function bin(type: ColumnType, sizeType: ColumnType): BinaryFunction {
  const isExact =
    (integers.includes(type) && integers.includes(sizeType)) ||
    (times.includes(type) && sizeType === 'timespan')
  if (isExact) {
    return onBigints((value, size) => {
      if (size <= 0n) return null
      const rest = ((value % size) + size) % size
      return value - rest
    })
  }
  if ([type, sizeType].every((each) => each === 'real' || integers.includes(each))) {
    return (value, size) => {
      if (value === null || size === null || Number(size) <= 0) return null
      return Math.floor(Number(value) / Number(size)) * Number(size)
    }
  }
  throw unsupported(`bin() of ${type} by ${sizeType}`)
}
