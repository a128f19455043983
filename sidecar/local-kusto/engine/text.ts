/** How values read as text: `tostring()`, and the JSON of a response. */
import { formatDatetime, formatTimespan } from './ticks.ts'
import { Dynamic, type ColumnType, type Value } from './values.ts'

/** What `tostring()` gives; null is the empty string. */
export function textOf(value: Value, type: ColumnType): string {
  if (value === null) return ''
  if (value instanceof Dynamic)
    return value.text.startsWith('"') ? (JSON.parse(value.text) as string) : value.text
  if (type === 'datetime' && typeof value === 'bigint') return formatDatetime(value)
  if (type === 'timespan' && typeof value === 'bigint') return formatTimespan(value)
  if (typeof value === 'number') return realText(value)
  return String(value)
}

function realText(value: number): string {
  if (Number.isFinite(value))
    return Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

/**
 * What stands in the rows of a response. A `long` keeps all of its digits; an array or object inside of a `dynamic` is its JSON text
 * as a string.
 */
export function responseValue(value: Value, type: ColumnType): unknown {
  if (value === null) return null
  if (value instanceof Dynamic) return dynamicResponse(value.text)
  if (typeof value === 'number') return Number.isFinite(value) ? value : realText(value)
  if (typeof value !== 'bigint') return value
  if (type === 'datetime' || type === 'timespan') return textOf(value, type).replace('.0000000Z', 'Z')
  return rawJson(String(value))
}

function dynamicResponse(text: string): unknown {
  return text.startsWith('{') || text.startsWith('[') ? text : rawJson(text)
}

/** A number or string that `JSON.stringify` writes as it is. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)
}
