import { CLOSE_BRACE, COMMA, OPEN_BRACE } from '../bytes.ts'
import type { JsonWriter } from '../json-writer.ts'
import {
  integerOf,
  type JsonObject,
  member,
  objectOf,
  textOf,
  writeAsString,
  writePairs,
} from './json-values.ts'
import { columns, idText, type ScopeMembers, scopeMembersOf, writeTimes } from './row.ts'
import { OtlpError } from './wire.ts'

/** The largest time that a fixed64 can hold. */
const nanosMax = 2n ** 64n - 1n

/** The names of severities, from 1 on; each stands for four numbers, of which the others have a digit: `SEVERITY_NUMBER_WARN2`. */
const severityNames = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

export function writeResourceAttributes(writer: JsonWriter, resource: unknown): void {
  writer.byte(OPEN_BRACE)
  writePairs(writer, objectOf(resource)['attributes'], [])
  writer.byte(CLOSE_BRACE)
}

/** What the scope adds to its records. */
export function readScope(scope: unknown): ScopeMembers {
  const object = objectOf(scope)
  return scopeMembersOf(textOf(object['name']), textOf(object['version']))
}

/** Writes a LogRecord as a row. Throws OtlpError when it is none. */
export function writeJsonRecord(
  writer: JsonWriter,
  value: unknown,
  resourceAttributes: Buffer,
  scope: ScopeMembers,
): void {
  if (value === null) throw new OtlpError('a record is null')
  const record = objectOf(value)
  const [traceId, spanId] = [idOf(record, 'traceId'), idOf(record, 'spanId')]
  writer.byte(OPEN_BRACE)
  writeTimes(writer, nanosOf(record, 'timeUnixNano'), nanosOf(record, 'observedTimeUnixNano'))
  writer.ascii(columns.traceId)
  writer.string(traceId)
  writer.ascii(columns.spanId)
  writer.string(spanId)
  writer.ascii(columns.severityText)
  writer.string(textOf(member(record, 'severityText')))
  writer.ascii(`${columns.severityNumber}${severityOf(member(record, 'severityNumber'))}${columns.body}`)
  writeAsString(writer, record['body'])
  writer.ascii(columns.resource)
  writer.raw(resourceAttributes)
  writer.ascii(columns.attributes)
  writer.byte(OPEN_BRACE)
  const hasAttribute = writePairs(writer, record['attributes'], scope.keys)
  if (hasAttribute && scope.text.length > 0) writer.byte(COMMA)
  writer.raw(scope.text)
  writer.byte(CLOSE_BRACE)
  const eventName = textOf(member(record, 'eventName'))
  if (eventName !== '') {
    writer.ascii(columns.eventName)
    writer.string(eventName)
  }
  writer.byte(CLOSE_BRACE)
}

function nanosOf(record: JsonObject, name: 'timeUnixNano' | 'observedTimeUnixNano'): bigint {
  const value = member(record, name) ?? 0
  const nanos = value === '' ? 0n : integerOf(value)
  if (nanos < 0n || nanos > nanosMax) throw new OtlpError('a time is out of range')
  return nanos
}

/** OTLP has ids in hexadecimal, against the rules of JSON for protobuf; what is none is kept as it is. */
function idOf(record: JsonObject, name: 'traceId' | 'spanId'): string {
  const id = textOf(member(record, name))
  return idText(/^[0-9A-Fa-f]+$/.test(id) ? id.toLowerCase() : id)
}

/** A number, as OTLP demands, or a name, as other writers of JSON for protobuf send. */
function severityOf(value: unknown): number {
  if (value === undefined || value === null || value === 'SEVERITY_NUMBER_UNSPECIFIED') return 0
  if (typeof value === 'string') {
    const [, name = '', digit = '1'] = /^SEVERITY_NUMBER_([A-Z]+)([2-4]?)$/.exec(value) ?? []
    const index = severityNames.indexOf(name)
    if (index >= 0) return 4 * index + Number(digit === '' ? '1' : digit)
  }
  return Number(BigInt.asIntN(32, integerOf(value)))
}
