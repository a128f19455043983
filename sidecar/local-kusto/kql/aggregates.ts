/** The aggregates of `summarize`. Nulls are left out, as in Kusto. */
import { textOf } from '../engine/text.ts'
import { Dynamic, type ColumnType, type Row, type Value } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'
import { groupKey, order, scalarOf } from './compare.ts'
import { booleanOf, compileExpression } from './expression.ts'
import { elements, kindOf, part, simpleName, typeOf, sourceText, type SyntaxNode } from './language.ts'
import type { Expression, Scope } from './scope.ts'

/** One group in the making. */
export interface Accumulator {
  add(row: Row): void
  result(): Value
}

export type Aggregate = { readonly type: ColumnType; readonly start: () => Accumulator }

/** `make_set` and `make_list` take at most so many elements in the service. */
const maxSetSize = 1_048_576

export function compileAggregate(node: SyntaxNode, scope: Scope): Aggregate {
  if (kindOf(node) === 'SimpleNamedExpression') return compileAggregate(part(node, 'Expression'), scope)
  if (kindOf(node) !== 'FunctionCallExpression') throw unsupported(`'${sourceText(node)}' as an aggregate`)
  const name = simpleName(part(node, 'Name'))
  const compiler = Object.hasOwn(aggregates, name) ? aggregates[name] : undefined
  if (compiler === undefined) throw unsupported(`the aggregate '${name}()'`)
  const values = elements(part(node, 'ArgumentList'), 'Expressions').map((value) =>
    compileExpression(value, scope),
  )
  const start = compiler(values)
  return { type: typeOf(node), start }
}

type AggregateCompiler = (values: readonly Expression[]) => () => Accumulator

const aggregates: Readonly<Record<string, AggregateCompiler>> = {
  count: () => () => counter(() => true),
  countif: ([condition]) => {
    const isMet = booleanOf(required(condition))
    return () => counter((row) => isMet(row) === true)
  },
  sum: ([value]) => sumOf(value, undefined),
  sumif: ([value, condition]) => sumOf(value, condition),
  avg: ([value]) => averageOf(value),
  min: ([value]) => extremeOf(value, (compared) => compared < 0),
  max: ([value]) => extremeOf(value, (compared) => compared > 0),
  dcount: ([value, ...rest]) => distinctCountOf(value, rest, undefined),
  dcountif: ([value, condition, ...rest]) => distinctCountOf(value, rest, required(condition)),
  count_distinct: ([value]) => distinctCountOf(value, [], undefined),
  make_set: ([value, size]) => setOf(value, size, { isDistinct: true }),
  make_list: ([value, size]) => setOf(value, size, { isDistinct: false }),
}

function required(value: Expression | undefined): Expression {
  if (value === undefined) throw unsupported('an aggregate without its argument')
  return value
}

function counter(isCounted: (row: Row) => boolean): Accumulator {
  let count = 0n
  return {
    add: (row) => {
      if (isCounted(row)) count += 1n
    },
    result: () => count,
  }
}

/** The sum of nothing is zero; an integer sum wraps at 64 bits. */
function sumOf(value: Expression | undefined, condition: Expression | undefined): () => Accumulator {
  const { type, evaluate } = required(value)
  const isMet = condition === undefined ? () => true : booleanOf(condition)
  if (type === 'real') return () => folding(0, evaluate, isMet, (sum, next) => Number(sum) + Number(next))
  if (type !== 'int' && type !== 'long' && type !== 'timespan') throw unsupported(`sum() of ${type}`)
  return () =>
    folding(0n, evaluate, isMet, (sum, next) => BigInt.asIntN(64, (sum as bigint) + (next as bigint)))
}

function folding(
  first: Value,
  evaluate: Expression['evaluate'],
  isMet: (row: Row) => boolean | null,
  fold: (soFar: Value, next: Value) => Value,
): Accumulator {
  let soFar = first
  return {
    add: (row) => {
      const value = isMet(row) === true ? evaluate(row) : null
      if (value !== null) soFar = fold(soFar, value)
    },
    result: () => soFar,
  }
}

function averageOf(value: Expression | undefined): () => Accumulator {
  const { type, evaluate } = required(value)
  if (type !== 'int' && type !== 'long' && type !== 'real') throw unsupported(`avg() of ${type}`)
  return () => {
    let [sum, count] = [0, 0]
    return {
      add: (row) => {
        const number = evaluate(row)
        if (number === null) return
        sum += Number(number)
        count += 1
      },
      result: () => (count === 0 ? null : sum / count),
    }
  }
}

function extremeOf(
  value: Expression | undefined,
  isBetter: (compared: number) => boolean,
): () => Accumulator {
  const { type, evaluate } = required(value)
  if (type === 'dynamic' || type === 'decimal') throw unsupported(`min() or max() of ${type}; convert it`)
  return () =>
    folding(
      null,
      evaluate,
      () => true,
      (best, next) => {
        if (best === null) return next
        const compared = order(scalarOf(next), scalarOf(best))
        return compared !== undefined && isBetter(compared) ? next : best
      },
    )
}

/** Exact, while the service estimates. */
function distinctCountOf(
  value: Expression | undefined,
  accuracy: readonly Expression[],
  condition: Expression | undefined,
): () => Accumulator {
  const { evaluate } = required(value)
  const isMet = condition === undefined ? () => true : booleanOf(condition)
  if (accuracy.some(({ type }) => type !== 'long')) throw unsupported('this form of dcount()')
  return () => {
    const seen = new Set<string>()
    return {
      add: (row) => {
        const next = isMet(row) === true ? evaluate(row) : null
        if (next !== null) seen.add(groupKey([next]))
      },
      result: () => BigInt(seen.size),
    }
  }
}

function setOf(
  value: Expression | undefined,
  size: Expression | undefined,
  options: { isDistinct: boolean },
): () => Accumulator {
  const { type, evaluate } = required(value)
  const limit = Math.min(size === undefined ? maxSetSize : Number(size.evaluate([])), maxSetSize)
  return () => {
    const [seen, items] = [new Set<string>(), [] as string[]]
    return {
      add: (row) => {
        const next = evaluate(row)
        if (next === null || items.length >= limit) return
        const json = jsonOf(next, type)
        if (options.isDistinct && seen.has(json)) return
        seen.add(json)
        items.push(json)
      },
      result: () => new Dynamic(`[${items.join(',')}]`),
    }
  }
}

function jsonOf(value: Value, type: ColumnType): string {
  if (value instanceof Dynamic) return value.text
  if (type === 'long' || type === 'int' || typeof value === 'boolean' || typeof value === 'number')
    return String(value)
  return JSON.stringify(textOf(value, type))
}
