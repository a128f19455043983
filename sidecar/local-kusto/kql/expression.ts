/** Compiles a scalar expression to a function of a row. What is not known here is refused when the query is compiled. */
import { itemsOf, propertiesOf } from '../engine/json-text.ts'
import { textOf } from '../engine/text.ts'
import { Dynamic, type ColumnType, type Row } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'
import { arithmetic } from './arithmetic.ts'
import { checkComparable, equal, order, scalarOf, type Scalar } from './compare.ts'
import { compileFunction } from './functions.ts'
import { elements, kindOf, part, simpleName, typeOf, sourceText, type SyntaxNode } from './language.ts'
import { literalValue } from './literals.ts'
import type { Expression, Scope } from './scope.ts'
import { textOperators } from './text-operators.ts'

export function compileExpression(node: SyntaxNode, scope: Scope): Expression {
  const literal = literalValue(node)
  if (literal !== undefined) return { type: literal.type, evaluate: () => literal.value }
  const kind = kindOf(node)
  const compiler = Object.hasOwn(compilers, kind) ? compilers[kind] : undefined
  if (compiler !== undefined) return compiler(node, scope)
  if (Object.hasOwn(textOperators, kind)) return compileTextOperator(kind, node, scope)
  throw unsupported(`the expression '${sourceText(node)}' (${kind})`)
}

type Compiler = (node: SyntaxNode, scope: Scope) => Expression

const compilers: Readonly<Record<string, Compiler>> = {
  NameReference: compileColumn,
  ParenthesizedExpression: (node, scope) => compileExpression(part(node, 'Expression'), scope),
  SimpleNamedExpression: (node, scope) => compileExpression(part(node, 'Expression'), scope),
  FunctionCallExpression: (node, scope) => {
    const values = elements(part(node, 'ArgumentList'), 'Expressions').map((value) =>
      compileExpression(value, scope),
    )
    return compileFunction(simpleName(part(node, 'Name')), values, {
      type: () => typeOf(node),
      nowTicks: scope.nowTicks,
    })
  },
  PathExpression: (node, scope) => compileStep(node, scope, simpleName(part(node, 'Selector'))),
  ElementExpression: (node, scope) => {
    // Without columns, so that it is the same for every row.
    const selector = compileExpression(part(part(node, 'Selector'), 'Expression'), {
      ...scope,
      columns: [],
    }).evaluate([])
    const step = typeof selector === 'bigint' ? Number(selector) : selector
    if (typeof step !== 'string' && typeof step !== 'number') throw unsupported(`'${sourceText(node)}'`)
    return compileStep(node, scope, step)
  },
  AndExpression: logical((left, right) =>
    left === false || right === false ? false : left === null || right === null ? null : true,
  ),
  OrExpression: logical((left, right) =>
    left === true || right === true ? true : left === null || right === null ? null : false,
  ),
  EqualExpression: comparison(equal),
  NotEqualExpression: comparison((left, right) => negate(equal(left, right))),
  LessThanExpression: comparison((left, right) => test(order(left, right), (sign) => sign < 0)),
  LessThanOrEqualExpression: comparison((left, right) => test(order(left, right), (sign) => sign <= 0)),
  GreaterThanExpression: comparison((left, right) => test(order(left, right), (sign) => sign > 0)),
  GreaterThanOrEqualExpression: comparison((left, right) => test(order(left, right), (sign) => sign >= 0)),
  AddExpression: compileArithmetic,
  SubtractExpression: compileArithmetic,
  MultiplyExpression: compileArithmetic,
  DivideExpression: compileArithmetic,
  ModuloExpression: compileArithmetic,
  UnaryMinusExpression: (node, scope) => {
    const { type, evaluate } = compileExpression(part(node, 'Expression'), scope)
    const zero: Expression = { type, evaluate: () => (type === 'real' ? 0 : 0n) }
    return binary('SubtractExpression', zero, { type, evaluate }, typeOf(node))
  },
  UnaryPlusExpression: (node, scope) => compileExpression(part(node, 'Expression'), scope),
  InExpression: (node, scope) => compileIn(node, scope, { isNegated: false, ignoresCase: false }),
  NotInExpression: (node, scope) => compileIn(node, scope, { isNegated: true, ignoresCase: false }),
  InCsExpression: (node, scope) => compileIn(node, scope, { isNegated: false, ignoresCase: true }),
  NotInCsExpression: (node, scope) => compileIn(node, scope, { isNegated: true, ignoresCase: true }),
  BetweenExpression: (node, scope) => compileBetween(node, scope, (isInside) => isInside),
  NotBetweenExpression: (node, scope) => compileBetween(node, scope, negate),
}

function compileColumn(node: SyntaxNode, { columns }: Scope): Expression {
  const name = simpleName(node)
  const index = columns.findIndex((column) => column.name === name)
  const column = columns[index]
  if (column === undefined) throw unsupported(`the name '${name}' here`)
  return { type: column.type, evaluate: (row) => row[index] ?? null }
}

/** One step into a `dynamic` value; null when there is nothing. A negative index counts from the end. */
function compileStep(node: SyntaxNode, scope: Scope, step: string | number): Expression {
  const inner = compileExpression(part(node, 'Expression'), scope)
  if (inner.type !== 'dynamic') throw unsupported(`'${sourceText(node)}' on a value of type ${inner.type}`)
  return {
    type: 'dynamic',
    evaluate: (row) => {
      const value = inner.evaluate(row)
      if (!(value instanceof Dynamic)) return null
      const json =
        typeof step === 'number' ? itemsOf(value.text)?.at(step) : propertiesOf(value.text)?.get(step)
      return json === undefined || json === 'null' ? null : new Dynamic(json)
    },
  }
}

function operands(node: SyntaxNode, scope: Scope): [Expression, Expression] {
  return [compileExpression(part(node, 'Left'), scope), compileExpression(part(node, 'Right'), scope)]
}

function logical(operation: (left: boolean | null, right: boolean | null) => boolean | null): Compiler {
  return (node, scope) => {
    const [left, right] = operands(node, scope)
    const [a, b] = [booleanOf(left), booleanOf(right)]
    return { type: 'bool', evaluate: (row) => operation(a(row), b(row)) }
  }
}

/** An expression as a condition; throws when it is not of type `bool`. */
export function booleanOf({ type, evaluate }: Expression): (row: Row) => boolean | null {
  if (type !== 'bool') throw unsupported(`a value of type ${type} as a condition; compare it with something`)
  return (row) => evaluate(row) as boolean | null
}

function comparison(operation: (left: Scalar, right: Scalar) => boolean | null): Compiler {
  return (node, scope) => {
    const [left, right] = operands(node, scope)
    checkComparable(left.type, right.type)
    return {
      type: 'bool',
      evaluate: (row) => operation(scalarOf(left.evaluate(row)), scalarOf(right.evaluate(row))),
    }
  }
}

function negate(value: boolean | null): boolean | null {
  return value === null ? null : !value
}

function test(sign: number | undefined, condition: (sign: number) => boolean): boolean | null {
  return sign === undefined ? null : condition(sign)
}

function compileArithmetic(node: SyntaxNode, scope: Scope): Expression {
  const [left, right] = operands(node, scope)
  return binary(kindOf(node), left, right, typeOf(node))
}

function binary(kind: string, left: Expression, right: Expression, type: ColumnType): Expression {
  const operation = arithmetic(kind, left.type, right.type)
  return { type, evaluate: (row) => operation(left.evaluate(row), right.evaluate(row)) }
}

function compileTextOperator(kind: string, node: SyntaxNode, scope: Scope): Expression {
  const [left, right] = operands(node, scope)
  const operator = textOperators[kind]
  if (operator === undefined) throw unsupported(kind)
  for (const { type } of [left, right]) {
    if (type !== 'string' && type !== 'dynamic')
      throw unsupported(`a string operator on ${type}; use tostring()`)
  }
  return {
    type: 'bool',
    evaluate: (row) =>
      operator(textOf(left.evaluate(row), left.type), textOf(right.evaluate(row), right.type)),
  }
}

function compileIn(
  node: SyntaxNode,
  scope: Scope,
  options: { isNegated: boolean; ignoresCase: boolean },
): Expression {
  const left = compileExpression(part(node, 'Left'), scope)
  const candidates = elements(part(node, 'Right'), 'Expressions').map((candidate) => {
    const expression = compileExpression(candidate, scope)
    if (expression.type === 'dynamic') throw unsupported("a dynamic list after 'in'; write the values")
    checkComparable(left.type, expression.type)
    return expression
  })
  const fold = (value: Scalar): Scalar =>
    options.ignoresCase && typeof value === 'string' ? value.toLowerCase() : value
  return {
    type: 'bool',
    evaluate: (row) => {
      const value = fold(scalarOf(left.evaluate(row)))
      const isIn = candidates.some(
        (candidate) => equal(value, fold(scalarOf(candidate.evaluate(row)))) === true,
      )
      return isIn !== options.isNegated
    },
  }
}

function compileBetween(
  node: SyntaxNode,
  scope: Scope,
  finish: (isInside: boolean | null) => boolean | null,
): Expression {
  const left = compileExpression(part(node, 'Left'), scope)
  const range = part(node, 'Right')
  const first = compileExpression(part(range, 'First'), scope)
  let second = compileExpression(part(range, 'Second'), scope)
  // `between (datetime .. 1d)` ends one day after its start.
  if (first.type === 'datetime' && second.type === 'timespan')
    second = binary('AddExpression', first, second, 'datetime')
  checkComparable(left.type, first.type)
  checkComparable(left.type, second.type)
  return {
    type: 'bool',
    evaluate: (row) => {
      const value = scalarOf(left.evaluate(row))
      const [low, high] = [
        order(value, scalarOf(first.evaluate(row))),
        order(value, scalarOf(second.evaluate(row))),
      ]
      return finish(low === undefined || high === undefined ? null : low >= 0 && high <= 0)
    },
  }
}
