/** Turns a JSON value into the value of a column, with the rules of ingestion: a value that does not fit becomes null. */
import { parseDatetime, parseTimespan } from './ticks.ts'
import { Dynamic, missingValue, type ColumnType, type Value } from './values.ts'

/** A string is cut at 1 MB and a larger `dynamic` becomes null (Microsoft's "Ingestion behavior of invalid data"). */
const maxValueBytes = 1024 * 1024

const guidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const integerForm = /^-?\d+$/
const numberForm = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** `json` is the text of one valid JSON value. */
export function fromJson(json: string, type: ColumnType): Value {
  if (json === 'null') return missingValue(type)
  if (type === 'dynamic') return Buffer.byteLength(json) > maxValueBytes ? null : new Dynamic(json)
  const isString = json.startsWith('"')
  return fromText(isString ? (JSON.parse(json) as string) : json, type)
}

/** `text` is the content of a string or the source of another JSON value; also what `tolong()` and its like do. */
export function fromText(text: string, type: Exclude<ColumnType, 'dynamic'>): Value {
  switch (type) {
    case 'string':
      return cutString(text.toWellFormed())
    case 'long':
      return toInteger(text, 64)
    case 'int':
      return toInteger(text, 32)
    case 'real':
      return toReal(text)
    case 'decimal':
      return numberForm.test(text.trim()) ? text.trim() : null
    case 'bool':
      return toBool(text)
    case 'datetime':
      return parseDatetime(text) ?? null
    case 'timespan':
      return parseTimespan(text) ?? null
    case 'guid':
      return guidForm.test(text) ? text.toLowerCase() : null
  }
}

function cutString(text: string): string {
  // A UTF-16 unit is at most three bytes, so that most strings need no counting.
  if (text.length * 3 <= maxValueBytes || Buffer.byteLength(text) <= maxValueBytes) return text
  const bytes = Buffer.from(text)
  let end = maxValueBytes
  // Never inside of a character: 0b10xxxxxx continues one.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

function toInteger(text: string, bits: 32 | 64): bigint | null {
  const digits = text.trim()
  // 20 characters hold every 64-bit integer; more need no parsing to be refused.
  if (!integerForm.test(digits) || digits.length > 20) return null
  const value = BigInt(digits)
  return BigInt.asIntN(bits, value) === value ? value : null
}

function toReal(text: string): number | null {
  const trimmed = text.trim()
  return numberForm.test(trimmed) ? Number(trimmed) : null
}

function toBool(text: string): boolean | null {
  const word = text.trim().toLowerCase()
  if (word === 'true' || word === '1') return true
  if (word === 'false' || word === '0') return false
  return null
}
