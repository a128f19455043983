/** Literals. The parser's own values are wrong for some (`0x1f`, `time(1.02:03:04)`), so the text of the token is read here. */
import { fromText } from '../engine/convert.ts'
import { isJson } from '../engine/json-text.ts'
import { parseDatetime, parseTimespan, ticksPerUnit } from '../engine/ticks.ts'
import { Dynamic, type ColumnType, type Value } from '../engine/values.ts'
import { unsupported } from '../kusto-error.ts'
import { kindOf, optionalPart, part, typeOf, sourceText, type SyntaxNode } from './language.ts'

const wrapped = /^[A-Za-z]+\s*\(([^]*)\)$/

/** The value of a literal, or undefined when the node is none. */
export function literalValue(node: SyntaxNode): { value: Value; type: ColumnType } | undefined {
  const kind = kindOf(node)
  if (kind === 'StringLiteralExpression' || kind === 'CompoundStringLiteralExpression') {
    return { value: String((node as unknown as { LiteralValue: unknown }).LiteralValue), type: 'string' }
  }
  if (kind === 'DynamicExpression')
    return { value: dynamicLiteral(part(node, 'Expression')), type: 'dynamic' }
  const token = optionalPart(node, 'Token') as unknown as { Text?: string } | undefined
  if (!kind.endsWith('LiteralExpression') || token?.Text === undefined) return undefined
  const type = typeOf(node)
  const text = (wrapped.exec(token.Text.trim())?.[1] ?? token.Text).trim()
  if (text === 'null' || (text === '' && token.Text.endsWith(')'))) return { value: null, type }
  const value = scalarLiteral(text, type)
  if (value === null || value === undefined) throw unsupported(`the literal '${token.Text}'`)
  return { value, type }
}

function scalarLiteral(text: string, type: ColumnType): Value | undefined {
  const unquoted = text.replace(/^(['"])([^]*)\1$/, '$2')
  if (type === 'timespan') return timespanLiteral(unquoted)
  if (type === 'datetime') return parseDatetime(unquoted)
  if ((type === 'long' || type === 'int') && /^0x[0-9a-f]{1,16}$/i.test(text))
    return BigInt.asIntN(64, BigInt(text))
  return type === 'dynamic' ? undefined : fromText(unquoted, type)
}

const unitForm =
  /^(-?\d+(?:\.\d+)?)\s*(d|h|m|s|ms|days?|hours?|hrs?|hr|minutes?|min|seconds?|sec|milliseconds?|milli|microseconds?|micros?|ticks?)$/

function timespanLiteral(text: string): bigint | undefined {
  const match = unitForm.exec(text)
  if (match === null) return parseTimespan(text)
  const [, amount = '', unit = ''] = match
  const ticks = ticksPerUnit[shortUnit(unit)]
  return ticks === undefined ? undefined : BigInt(Math.round(Number(amount) * ticks))
}

function shortUnit(unit: string): string {
  if (Object.hasOwn(ticksPerUnit, unit)) return unit
  if (unit.startsWith('milli')) return 'ms'
  if (unit.startsWith('micro')) return 'microsecond'
  return unit.startsWith('tick') ? 'tick' : unit.charAt(0)
}

function dynamicLiteral(node: SyntaxNode): Value {
  const text = sourceText(node)
  if (text === 'null') return null
  if (isJson(text)) return new Dynamic(text)
  const literal = literalValue(node)
  if (literal?.type === 'string') return new Dynamic(JSON.stringify(literal.value))
  throw unsupported(`the dynamic literal '${text}'; it must be JSON`)
}
