import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET } from '../bytes.ts'
import { type JsonWriter, writerLimits } from '../json-writer.ts'
import { doubleText } from './row.ts'
import { OtlpError, WireCursor, wireTypes } from './wire.ts'

/** The fields of AnyValue in opentelemetry/proto/common/v1/common.proto. */
const valueFields = { string: 1, bool: 2, int: 3, double: 4, array: 5, map: 6, bytes: 7 } as const

/** Of ArrayValue and KeyValueList alike. */
const membersField = 1

/** Of KeyValue. */
const pairFields = { key: 1, value: 2 } as const

/**
 * Writes an AnyValue as JSON, `null` when it has no value, and returns the field that its value was in, else 0. Bytes become a string of
 * base64. Calls itself for each level, to a limit.
 */
function writeAnyValue(writer: JsonWriter, value: WireCursor, depth = 0): number {
  if (depth === writerLimits.depthMax)
    throw new OtlpError(`a value is nested deeper than ${writerLimits.depthMax} levels`)
  const start = writer.length
  let found = 0
  while (value.next()) {
    if (value.field > valueFields.bytes) continue
    // Of a oneof, the last one on the wire counts.
    writer.truncate(start)
    found = value.field
    writeField(writer, value, depth)
  }
  if (found === 0) writer.ascii('null')
  return found
}

/** Writes an AnyValue as a string, as `AsString` of the Collector does: text as it is, other values as their JSON text. */
export function writeAsString(writer: JsonWriter, value: WireCursor): void {
  const start = writer.length
  const field = writeAnyValue(writer, value)
  if (field === valueFields.string || field === valueFields.bytes) return
  if (field === 0) writer.truncate(start)
  writer.quoteFrom(start)
}

/** A KeyValue: where its key lies, and its value. Either is empty when it is missing. */
export type Pair = { readonly keyStart: number; readonly keyEnd: number; readonly value: WireCursor }

export function readPair(pair: WireCursor): Pair {
  let [keyStart, keyEnd] = [0, 0]
  let value: WireCursor | undefined
  while (pair.next()) {
    if (pair.field === pairFields.value) {
      value = pair.message
    } else if (pair.field === pairFields.key) {
      pair.expect(wireTypes.bytes)
      keyStart = pair.valueStart
      keyEnd = pair.valueEnd
    }
  }
  return { keyStart, keyEnd, value: value ?? new WireCursor(pair.body, 0, 0) }
}

/** Writes a KeyValue as a member of an object; without a value it is null. */
export function writePair(writer: JsonWriter, { keyStart, keyEnd, value }: Pair, depth = 0): void {
  writer.text(value.body, keyStart, keyEnd)
  writer.byte(COLON)
  writeAnyValue(writer, value, depth)
}

function writeField(writer: JsonWriter, value: WireCursor, depth: number): void {
  if (value.field === valueFields.bool) writer.ascii(String(value.isTrue))
  else if (value.field === valueFields.int) writer.ascii(String(value.int64))
  else if (value.field === valueFields.double) writer.ascii(doubleText(value.double))
  else {
    value.expect(wireTypes.bytes)
    if (value.field === valueFields.string) writer.text(value.body, value.valueStart, value.valueEnd)
    else if (value.field === valueFields.bytes) writer.base64(value.body, value.valueStart, value.valueEnd)
    else writeMembers(writer, value.message, value.field === valueFields.map, depth + 1)
  }
}

function writeMembers(writer: JsonWriter, list: WireCursor, isMap: boolean, depth: number): void {
  writer.byte(isMap ? OPEN_BRACE : OPEN_BRACKET)
  let isFirst = true
  while (list.next()) {
    if (list.field !== membersField) continue
    if (!isFirst) writer.byte(COMMA)
    if (isMap) writePair(writer, readPair(list.message), depth)
    else writeAnyValue(writer, list.message, depth)
    isFirst = false
  }
  writer.byte(isMap ? CLOSE_BRACE : CLOSE_BRACKET)
}
