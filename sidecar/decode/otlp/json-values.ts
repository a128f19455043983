import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET } from '../bytes.ts'
import { type JsonWriter, writerLimits } from '../json-writer.ts'
import { doubleText } from './row.ts'
import { OtlpError } from './wire.ts'

/** An object of JSON. */
export type JsonObject = { readonly [name: string]: unknown }

/** The digits of an integer of 64 bits, with its sign, and a bit of room for zeros in front. */
const integerPattern = /^-?\d{1,24}$/

export function objectOf(value: unknown): JsonObject {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new OtlpError('a value that should be an object is none')
  return value as JsonObject
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new OtlpError('a value that should be an array is none')
  return value
}

export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw new OtlpError('a value that should be a string is none')
  return value
}

/** An integer that is written as a string, as OTLP does, or as a number. */
export function integerOf(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  if (typeof value === 'string' && integerPattern.test(value)) return BigInt(value)
  throw new OtlpError('a value that should be an integer is none')
}

/** The members of an AnyValue of which one holds its value. */
const valueNames = [
  'stringValue',
  'boolValue',
  'intValue',
  'doubleValue',
  'arrayValue',
  'kvlistValue',
  'bytesValue',
] as const
type ValueName = (typeof valueNames)[number]

/** The names of two words, which may also be written as they are in the .proto files. */
const names = [
  ...valueNames,
  'resourceLogs',
  'scopeLogs',
  'logRecords',
  'timeUnixNano',
  'observedTimeUnixNano',
  'severityNumber',
  'severityText',
  'traceId',
  'spanId',
  'eventName',
] as const
type Name = (typeof names)[number]

const snakeNames = Object.fromEntries(
  names.map((name) => [name, name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]),
) as Record<Name, string>

/** The member under its name in lowerCamelCase, or as it is in the .proto file. */
export function member(object: JsonObject, name: Name): unknown {
  return object[name] ?? object[snakeNames[name]]
}

/** Whether `found` is `name`, in one of its two forms. */
export function isName(found: string, name: string): boolean {
  return found === name || (name in snakeNames && found === snakeNames[name as Name])
}

/** Writes an AnyValue as JSON, null when it has no value, and returns the name of the member that held it. */
function writeAnyValue(writer: JsonWriter, anyValue: unknown, depth = 0): ValueName | undefined {
  if (depth === writerLimits.depthMax)
    throw new OtlpError(`a value is nested deeper than ${writerLimits.depthMax} levels`)
  const object = objectOf(anyValue)
  for (const name of valueNames) {
    const value = member(object, name)
    if (value === undefined || value === null) continue
    writeNamed(writer, name, value, depth)
    return name
  }
  writer.ascii('null')
  return undefined
}

/** Writes an AnyValue as a string, as `AsString` of the Collector does: text as it is, other values as their JSON text. */
export function writeAsString(writer: JsonWriter, anyValue: unknown): void {
  const start = writer.length
  const name = writeAnyValue(writer, anyValue)
  if (name === 'stringValue' || name === 'bytesValue') return
  if (name === undefined) writer.truncate(start)
  writer.quoteFrom(start)
}

/** Writes a list of KeyValue as the members of an object, without those that have one of the keys. True when there was one. */
export function writePairs(
  writer: JsonWriter,
  pairs: unknown,
  withoutKeys: readonly string[],
  depth = 0,
): boolean {
  let hasMember = false
  for (const pair of listOf(pairs)) {
    const { key, value } = objectOf(pair)
    const keyText = textOf(key)
    if (withoutKeys.includes(keyText)) continue
    if (hasMember) writer.byte(COMMA)
    writer.string(keyText)
    writer.byte(COLON)
    writeAnyValue(writer, value, depth)
    hasMember = true
  }
  return hasMember
}

function writeNamed(writer: JsonWriter, name: ValueName, value: unknown, depth: number): void {
  if (name === 'stringValue') writer.string(textOf(value))
  else if (name === 'bytesValue') writer.string(textOf(value))
  else if (name === 'intValue') writer.ascii(String(integerOf(value)))
  else if (name === 'doubleValue') writer.ascii(doubleTextOf(value))
  else if (name === 'boolValue') {
    if (typeof value !== 'boolean') throw new OtlpError('a value that should be a boolean is none')
    writer.ascii(String(value))
  } else if (name === 'arrayValue') {
    writer.byte(OPEN_BRACKET)
    let isFirst = true
    for (const element of listOf(objectOf(value)['values'])) {
      if (!isFirst) writer.byte(COMMA)
      writeAnyValue(writer, element, depth + 1)
      isFirst = false
    }
    writer.byte(CLOSE_BRACKET)
  } else {
    writer.byte(OPEN_BRACE)
    writePairs(writer, objectOf(value)['values'], [], depth + 1)
    writer.byte(CLOSE_BRACE)
  }
}

/** A number, or a string of one: `NaN` and `Infinity` can be written in no other way. */
function doubleTextOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  const isNumber = typeof number === 'number' && (!Number.isNaN(number) || value === 'NaN')
  if (!isNumber) throw new OtlpError('a value that should be a number is none')
  return doubleText(number)
}
