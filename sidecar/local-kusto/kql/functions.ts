/** The scalar functions. */
import { fromText } from '../engine/convert.ts'
import { isJson, itemsOf } from '../engine/json-text.ts'
import { textOf } from '../engine/text.ts'
import { Dynamic, missingValue, type ColumnType, type Row, type Value } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'
import { arithmetic, bin } from './arithmetic.ts'
import type { Expression } from './scope.ts'

/** `type` asks the binder what the call gives. */
type Call = { readonly type: () => ColumnType; readonly nowTicks: bigint }

type FunctionCompiler = (values: readonly Expression[], call: Call) => Expression

/** The binder has checked the number of values already. */
export function compileFunction(name: string, values: readonly Expression[], call: Call): Expression {
  const compiler = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (compiler === undefined) throw unsupported(`the function '${name}()'`)
  return compiler(values, call)
}

const functions: Readonly<Record<string, FunctionCompiler>> = {
  not: one('bool', (value) => (value === null ? null : value !== true)),
  isempty: ofText('bool', (text) => text === ''),
  isnotempty: ofText('bool', (text) => text !== ''),
  isnull: one('bool', (value) => value === null),
  isnotnull: one('bool', (value) => value !== null),
  tostring: ofText('string', (text) => text),
  tolong: conversion('long'),
  toint: conversion('int'),
  todouble: conversion('real'),
  toreal: conversion('real'),
  tobool: conversion('bool'),
  todatetime: conversion('datetime'),
  totimespan: conversion('timespan'),
  toguid: conversion('guid'),
  todynamic: parseJson,
  parse_json: parseJson,
  tolower: ofText('string', (text) => text.toLowerCase()),
  toupper: ofText('string', (text) => text.toUpperCase()),
  // Kusto counts characters, not UTF-16 units.
  strlen: ofText('long', (text) => BigInt(Array.from(text).length)),
  strcat: (values) => ({
    type: 'string',
    evaluate: (row) => values.map((value) => textOf(value.evaluate(row), value.type)).join(''),
  }),
  array_length: one('long', (value) => {
    const items = value instanceof Dynamic ? itemsOf(value.text) : undefined
    return items === undefined ? null : BigInt(items.length)
  }),
  now: (values, { nowTicks }) => shifted(values, nowTicks, 'AddExpression'),
  ago: (values, { nowTicks }) => shifted(values, nowTicks, 'SubtractExpression'),
  bin: compileBin,
  floor: compileBin,
  iff: compileIff,
  iif: compileIff,
  coalesce: (values, { type }) => ({
    type: sameType(values, type()),
    evaluate: (row) => firstNonNull(values, row) ?? missingValue(type()),
  }),
}

function firstNonNull(values: readonly Expression[], row: Row): Value {
  for (const value of values) {
    const found = value.evaluate(row)
    if (found !== null && found !== '') return found
  }
  return null
}

function only(values: readonly Expression[]): Expression {
  const [value, ...rest] = values
  if (value === undefined || rest.length > 0) throw unsupported('this number of arguments')
  return value
}

function one(type: ColumnType, apply: (value: Value) => Value): FunctionCompiler {
  return (values) => {
    const { evaluate } = only(values)
    return { type, evaluate: (row) => apply(evaluate(row)) }
  }
}

function ofText(type: ColumnType, apply: (text: string) => Value): FunctionCompiler {
  return (values) => {
    const { type: from, evaluate } = only(values)
    return { type, evaluate: (row) => apply(textOf(evaluate(row), from)) }
  }
}

const numbers: readonly ColumnType[] = ['int', 'long', 'real']

function conversion(to: Exclude<ColumnType, 'dynamic' | 'string' | 'decimal'>): FunctionCompiler {
  return (values) => {
    const { type: from, evaluate } = only(values)
    if (from === to) return { type: to, evaluate }
    const isKnown =
      from === 'string' || from === 'dynamic' || (numbers.includes(from) && numbers.includes(to))
    if (!isKnown) throw unsupported(`a conversion from ${from} to ${to}`)
    return {
      type: to,
      evaluate: (row) => {
        const value = evaluate(row)
        if (value === null) return null
        if (typeof value === 'number')
          return Number.isFinite(value) ? fromText(String(BigInt(Math.trunc(value))), to) : null
        return fromText(textOf(value, from), to)
      },
    }
  }
}

function parseJson(values: readonly Expression[]): Expression {
  const { type: from, evaluate } = only(values)
  if (from !== 'string' && from !== 'dynamic') throw unsupported(`parse_json() of ${from}`)
  return {
    type: 'dynamic',
    evaluate: (row) => {
      const value = evaluate(row)
      const text = textOf(value, from).trim()
      if (value === null || text === '' || text === 'null') return null
      return new Dynamic(isJson(text) ? text : JSON.stringify(text))
    },
  }
}

function shifted(values: readonly Expression[], nowTicks: bigint, kind: string): Expression {
  const [offset] = values
  if (offset === undefined) return { type: 'datetime', evaluate: () => nowTicks }
  const operation = arithmetic(kind, 'datetime', offset.type)
  return { type: 'datetime', evaluate: (row) => operation(nowTicks, offset.evaluate(row)) }
}

function compileBin(values: readonly Expression[], { type }: Call): Expression {
  const [value, size] = values
  if (value === undefined || size === undefined) throw unsupported('bin() or floor() without a size')
  const operation = bin(value.type, size.type)
  return { type: type(), evaluate: (row) => operation(value.evaluate(row), size.evaluate(row)) }
}

function compileIff(values: readonly Expression[], { type }: Call): Expression {
  const [condition, whenTrue, whenFalse] = values
  if (condition?.type !== 'bool' || whenTrue === undefined || whenFalse === undefined)
    throw unsupported('this form of iff()')
  sameType([whenTrue, whenFalse], type())
  return {
    type: type(),
    evaluate: (row) => (condition.evaluate(row) === true ? whenTrue : whenFalse).evaluate(row),
  }
}

function sameType(values: readonly Expression[], type: ColumnType): ColumnType {
  if (values.some((value) => value.type !== type))
    throw unsupported('values of different types here; convert them')
  return type
}
