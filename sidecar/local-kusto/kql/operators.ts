/** The query operators. Each turns the rows of the operator before it into its own, one at a time where that is possible. */
import type { Column, Row, Value } from '../engine/values.ts'
import { dotnetTypes } from '../engine/values.ts'
import { KustoError, unsupported } from '../kusto-error.ts'
import { compileAggregate, type Accumulator } from './aggregates.ts'
import { groupKey, sortOrder } from './compare.ts'
import { booleanOf, compileExpression } from './expression.ts'
import {
  elements,
  kindOf,
  optionalPart,
  part,
  refuseParameters,
  resultColumns,
  simpleName,
  sourceText,
  type SyntaxNode,
} from './language.ts'
import type { Scope } from './scope.ts'

/** Rows on their way; read at most once. */
export type Flow = { readonly columns: readonly Column[]; readonly rows: Iterable<Row> }

/** Rows that `sort`, `top`, `distinct` and `summarize` may hold at once. */
const maxHeldRows = 2_000_000

type Operator = (node: SyntaxNode, input: Flow, nowTicks: bigint) => Flow

export function applyOperator(node: SyntaxNode, input: Flow, nowTicks: bigint): Flow {
  const kind = kindOf(node)
  const operator = Object.hasOwn(operators, kind) ? operators[kind] : undefined
  if (operator === undefined) {
    const word = sourceText(node).split(/\s+/, 1)[0]
    throw unsupported(`the operator '${word}'`)
  }
  refuseParameters(node)
  return operator(node, input, nowTicks)
}

const operators: Readonly<Record<string, Operator>> = {
  CountOperator: (node, { rows }) => {
    if (optionalPart(node, 'AsIdentifier') !== undefined) throw unsupported("'count as'")
    return { columns: [{ name: 'Count', type: 'long' }], rows: lazily(() => [[BigInt(countOf(rows))]]) }
  },
  TakeOperator: (node, { columns, rows }) => ({ columns, rows: lazily(() => first(rows, limitOf(node))) }),
  FilterOperator: (node, { columns, rows }, nowTicks) => {
    const isMet = booleanOf(compileExpression(part(node, 'Condition'), { columns, nowTicks }))
    return { columns, rows: filter(rows, (row) => isMet(row) === true) }
  },
  ProjectOperator: (node, input, nowTicks) =>
    project(elements(node, 'Expressions'), resultColumns(node), input, nowTicks),
  ExtendOperator: extend,
  ProjectAwayOperator: selectByName,
  ProjectKeepOperator: selectByName,
  ProjectReorderOperator: selectByName,
  SortOperator: (node, input, nowTicks) => {
    const compare = compileOrder(elements(node, 'Expressions'), { columns: input.columns, nowTicks })
    return { columns: input.columns, rows: lazily(() => hold(input.rows).sort(compare)) }
  },
  TopOperator: (node, input, nowTicks) => {
    const compare = compileOrder([part(node, 'ByExpression')], { columns: input.columns, nowTicks })
    const limit = limitOf(node)
    return { columns: input.columns, rows: lazily(() => hold(input.rows).sort(compare).slice(0, limit)) }
  },
  DistinctOperator: (node, input, nowTicks) => {
    const expressions = elements(node, 'Expressions')
    const isStar = expressions.length === 1 && expressions.every((each) => kindOf(each) === 'StarExpression')
    const { columns, rows } = isStar ? input : project(expressions, resultColumns(node), input, nowTicks)
    return { columns, rows: distinct(rows) }
  },
  SummarizeOperator: summarize,
  GetSchemaOperator: (node, { columns }) => ({
    columns: resultColumns(node),
    rows: columns.map(({ name, type }, index) => [name, BigInt(index), dotnetTypes[type], type]),
  }),
  // Charts are drawn by the client.
  RenderOperator: (_node, input) => input,
}

/** Puts off the work to when the rows are read. */
function* lazily(work: () => Iterable<Row>): Generator<Row> {
  yield* work()
}

function countOf(rows: Iterable<Row>): number {
  let count = 0
  for (const _ of rows) count += 1
  return count
}

function* first(rows: Iterable<Row>, limit: number): Generator<Row> {
  if (limit <= 0) return
  let count = 0
  for (const row of rows) {
    yield row
    count += 1
    if (count >= limit) return
  }
}

function* filter(rows: Iterable<Row>, isMet: (row: Row) => boolean): Generator<Row> {
  for (const row of rows) if (isMet(row)) yield row
}

function* map(rows: Iterable<Row>, change: (row: Row) => Row): Generator<Row> {
  for (const row of rows) yield change(row)
}

function* distinct(rows: Iterable<Row>): Generator<Row> {
  const seen = new Set<string>()
  for (const row of rows) {
    const key = groupKey(row)
    if (seen.has(key)) continue
    checkHeld(seen.add(key).size)
    yield row
  }
}

function hold(rows: Iterable<Row>): Row[] {
  const held: Row[] = []
  for (const row of rows) checkHeld(held.push(row))
  return held
}

function checkHeld(count: number): void {
  if (count > maxHeldRows)
    throw new KustoError('E_RUNAWAY_QUERY', `The query needs more than ${maxHeldRows} rows in memory.`)
}

/** The number of `take` and `top`. */
function limitOf(node: SyntaxNode): number {
  const { type, evaluate } = compileExpression(part(node, 'Expression'), { columns: [], nowTicks: 0n })
  const limit = evaluate([])
  if ((type !== 'long' && type !== 'int') || typeof limit !== 'bigint')
    throw unsupported('a number of rows that is not an integer')
  return Number(limit)
}

/** One expression a column; the names and types of the columns are those that the binder found. */
export function project(
  expressions: readonly SyntaxNode[],
  columns: readonly Column[],
  input: Flow,
  nowTicks: bigint,
): Flow {
  if (expressions.length !== columns.length) throw unsupported('expressions that give several columns')
  const scope: Scope = { columns: input.columns, nowTicks }
  const compiled = expressions.map((expression) => compileExpression(expression, scope))
  compiled.forEach((expression, index) => {
    checkType(expression.type, columns[index])
  })
  return { columns, rows: map(input.rows, (row) => compiled.map(({ evaluate }) => evaluate(row))) }
}

/** The binder and this program must agree, or values would be written as what they are not. */
function checkType(type: Column['type'], column: Column | undefined): void {
  if (column?.type !== type)
    throw unsupported(`the expression of column '${column?.name ?? ''}' (${type} or ${column?.type ?? ''})`)
}

function extend(node: SyntaxNode, input: Flow, nowTicks: bigint): Flow {
  const columns = resultColumns(node)
  const scope: Scope = { columns: input.columns, nowTicks }
  const added = new Map<string, (row: Row) => Value>()
  const unnamed = columns.slice(input.columns.length)
  for (const expression of elements(node, 'Expressions')) {
    const compiled = compileExpression(expression, scope)
    const name =
      kindOf(expression) === 'SimpleNamedExpression' ? simpleName(part(expression, 'Name')) : undefined
    const column = columns.find(
      (each) => each.name === (name ?? unnamed.find((one) => !added.has(one.name))?.name),
    )
    if (column === undefined || added.has(column.name))
      throw unsupported(`'${sourceText(expression)}' in extend`)
    checkType(compiled.type, column)
    added.set(column.name, compiled.evaluate)
  }
  const readers = columns.map(({ name }) => {
    const index = input.columns.findIndex((column) => column.name === name)
    const reader = added.get(name) ?? (index < 0 ? undefined : (row: Row) => row[index] ?? null)
    if (reader === undefined) throw unsupported(`column '${name}' of extend`)
    return reader
  })
  return { columns, rows: map(input.rows, (row) => readers.map((read) => read(row))) }
}

function selectByName(node: SyntaxNode, input: Flow): Flow {
  const columns = resultColumns(node)
  const indexes = columns.map(({ name }) => input.columns.findIndex((column) => column.name === name))
  return { columns, rows: map(input.rows, (row) => indexes.map((index) => row[index] ?? null)) }
}

function compileOrder(expressions: readonly SyntaxNode[], scope: Scope): (left: Row, right: Row) => number {
  const keys = expressions.map((node) => {
    const isOrdered = kindOf(node) === 'OrderedExpression'
    const { type, evaluate } = compileExpression(isOrdered ? part(node, 'Expression') : node, scope)
    if (type === 'dynamic' || type === 'decimal')
      throw unsupported(`sorting by ${type}; convert it, as with tostring()`)
    const words = isOrdered ? orderingWords(node) : []
    const isAscending = words.includes('asc')
    const areNullsFirst = words.includes('first') || (isAscending && !words.includes('last'))
    return { evaluate, isAscending, areNullsFirst }
  })
  return (left, right) => {
    for (const { evaluate, ...options } of keys) {
      const compared = sortOrder(evaluate(left), evaluate(right), options)
      if (compared !== 0) return compared
    }
    return 0
  }
}

/** `asc`, `desc`, `nulls`, `first`, `last`, as far as they are written. */
function orderingWords(node: SyntaxNode): string[] {
  const ordering = optionalPart(node, 'Ordering')
  return ordering === undefined ? [] : sourceText(ordering).toLowerCase().split(/\s+/)
}

function summarize(node: SyntaxNode, input: Flow, nowTicks: bigint): Flow {
  const scope: Scope = { columns: input.columns, nowTicks }
  const byClause = optionalPart(node, 'ByClause')
  if (byClause !== undefined && optionalPart(byClause, 'BinClause') !== undefined)
    throw unsupported("'bin=' in summarize")
  const keys = (byClause === undefined ? [] : elements(byClause, 'Expressions')).map((key) =>
    compileExpression(key, scope),
  )
  const aggregates = elements(node, 'Aggregates').map((aggregate) => compileAggregate(aggregate, scope))
  const columns = resultColumns(node)
  const types = [...keys, ...aggregates].map(({ type }) => type)
  if (types.length !== columns.length) throw unsupported('aggregates that give several columns')
  types.forEach((type, index) => {
    checkType(type, columns[index])
  })
  return {
    columns,
    rows: lazily(() => {
      const groups = new Map<string, { key: Row; accumulators: Accumulator[] }>()
      const start = (key: Row) => ({ key, accumulators: aggregates.map((aggregate) => aggregate.start()) })
      // Without `by` there is one group even if there is no row.
      if (keys.length === 0) groups.set('[]', start([]))
      for (const row of input.rows) {
        const key = keys.map(({ evaluate }) => evaluate(row))
        const id = groupKey(key)
        const group = groups.get(id) ?? start(key)
        checkHeld(groups.set(id, group).size)
        for (const accumulator of group.accumulators) accumulator.add(row)
      }
      return [...groups.values()].map(({ key, accumulators }) => [
        ...key,
        ...accumulators.map((each) => each.result()),
      ])
    }),
  }
}
