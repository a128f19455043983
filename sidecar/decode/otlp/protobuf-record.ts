import { CLOSE_BRACE, COMMA, OPEN_BRACE } from '../bytes.ts'
import type { JsonWriter } from '../json-writer.ts'
import { type Pair, readPair, writeAsString, writePair } from './protobuf-values.ts'
import { columns, idText, type ScopeMembers, scopeMembersOf, writeTimes } from './row.ts'
import { WireCursor } from './wire.ts'

/** The fields of LogRecord in opentelemetry/proto/logs/v1/logs.proto. */
const recordFields = {
  time: 1,
  severityNumber: 2,
  severityText: 3,
  body: 5,
  attributes: 6,
  traceId: 9,
  spanId: 10,
  observedTime: 11,
  eventName: 12,
} as const

/** Of Resource and of InstrumentationScope, in resource.proto and common.proto. */
const resourceAttributesField = 1
const scopeFields = { name: 1, version: 2 } as const

/** What the attributes of a resource are as JSON, wherever in the message they are. */
export function writeResourceAttributes(writer: JsonWriter, resources: readonly WireCursor[]): void {
  writer.byte(OPEN_BRACE)
  let isFirst = true
  for (const resource of resources) {
    while (resource.next()) {
      if (resource.field !== resourceAttributesField) continue
      if (!isFirst) writer.byte(COMMA)
      writePair(writer, readPair(resource.message))
      isFirst = false
    }
  }
  writer.byte(CLOSE_BRACE)
}

/** What the scope adds to its records. */
export function readScope(scopes: readonly WireCursor[]): ScopeMembers {
  let [name, version] = ['', '']
  for (const scope of scopes) {
    while (scope.next()) {
      if (scope.field === scopeFields.name) name = textOf(scope.message)
      else if (scope.field === scopeFields.version) version = textOf(scope.message)
    }
  }
  return scopeMembersOf(name, version)
}

/** Writes a LogRecord as a row. Throws OtlpError when it is damaged. */
export function writeProtobufRecord(
  writer: JsonWriter,
  record: WireCursor,
  resourceAttributes: Buffer,
  scope: ScopeMembers,
): void {
  const { body: bytes, offset: start } = record
  const none = new WireCursor(bytes, start, start)
  let [time, observedTime] = [0n, 0n]
  let [traceId, spanId] = ['', '']
  let severityNumber = 0
  let [severityText, eventName, body] = [none, none, none]
  while (record.next()) {
    if (record.field === recordFields.time) time = record.fixed64
    else if (record.field === recordFields.observedTime) observedTime = record.fixed64
    else if (record.field === recordFields.severityNumber) severityNumber = record.int32
    else if (record.field === recordFields.severityText) severityText = record.message
    else if (record.field === recordFields.body) body = record.message
    else if (record.field === recordFields.traceId) traceId = hexOf(record.message)
    else if (record.field === recordFields.spanId) spanId = hexOf(record.message)
    else if (record.field === recordFields.eventName) eventName = record.message
  }
  writer.byte(OPEN_BRACE)
  writeTimes(writer, time, observedTime)
  writer.ascii(`${columns.traceId}"${traceId}"${columns.spanId}"${spanId}"${columns.severityText}`)
  writer.text(bytes, severityText.offset, severityText.end)
  writer.ascii(`${columns.severityNumber}${severityNumber}${columns.body}`)
  writeAsString(writer, body)
  writer.ascii(columns.resource)
  writer.raw(resourceAttributes)
  writer.ascii(columns.attributes)
  writeAttributes(writer, new WireCursor(bytes, start, record.end), scope)
  if (eventName.offset < eventName.end) {
    writer.ascii(columns.eventName)
    writer.text(bytes, eventName.offset, eventName.end)
  }
  writer.byte(CLOSE_BRACE)
}

function writeAttributes(writer: JsonWriter, record: WireCursor, scope: ScopeMembers): void {
  writer.byte(OPEN_BRACE)
  let isFirst = true
  while (record.next()) {
    if (record.field !== recordFields.attributes) continue
    const pair = readPair(record.message)
    if (isOneOf(scope.keys, record.body, pair)) continue
    if (!isFirst) writer.byte(COMMA)
    writePair(writer, pair)
    isFirst = false
  }
  if (!isFirst && scope.text.length > 0) writer.byte(COMMA)
  writer.raw(scope.text)
  writer.byte(CLOSE_BRACE)
}

function isOneOf(keys: readonly string[], body: Buffer, { keyStart, keyEnd }: Pair): boolean {
  return keys.some(
    (key) => key.length === keyEnd - keyStart && body.toString('latin1', keyStart, keyEnd) === key,
  )
}

function textOf(text: WireCursor): string {
  return text.body.toString('utf8', text.offset, text.end)
}

function hexOf(id: WireCursor): string {
  return idText(id.body.toString('hex', id.offset, id.end))
}
