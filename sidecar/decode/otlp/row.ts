import type { JsonWriter } from '../json-writer.ts'
import { utcText } from '../utc-time.ts'

/**
 * The columns of a log record, which are those of the table of the OpenTelemetry Collector's Azure Data Explorer exporter:
 *
 *   .create-merge table OTELLogs (Timestamp:datetime, ObservedTimestamp:datetime, TraceID:string, SpanID:string,
 *     SeverityText:string, SeverityNumber:int, Body:string, ResourceAttributes:dynamic, LogsAttributes:dynamic)
 *
 * (exporter/azuredataexplorerexporter of opentelemetry-collector-contrib: README.md for the table, logsdata_to_adx.go for the values.)
 * Early versions of the exporter, and the description in its README, say TraceId and SpanId; the table in the README and the versions
 * since have TraceID and SpanID. Kusto matches names by case, so the names of the table are the right ones.
 *
 * What differs from the exporter: times have 100 ns, the precision of Kusto; a record without a time gets the time at which it was
 * observed (as the data model of OpenTelemetry asks for), and none rather than 1970; `EventName` is added when there is one.
 */
export const columns = {
  time: '"Timestamp":',
  observedTime: '"ObservedTimestamp":',
  traceId: '"TraceID":',
  spanId: ',"SpanID":',
  severityText: ',"SeverityText":',
  severityNumber: ',"SeverityNumber":',
  body: ',"Body":',
  resource: ',"ResourceAttributes":',
  attributes: ',"LogsAttributes":',
  eventName: ',"EventName":',
} as const

const nanosPerSecond = 1_000_000_000n

/** Writes both times, in nanoseconds since 1970, where 0 means none. */
export function writeTimes(writer: JsonWriter, timeNanos: bigint, observedNanos: bigint): void {
  const nanos = timeNanos === 0n ? observedNanos : timeNanos
  if (nanos !== 0n) writer.ascii(`${columns.time}"${nanosText(nanos)}",`)
  if (observedNanos !== 0n) writer.ascii(`${columns.observedTime}"${nanosText(observedNanos)}",`)
}

function nanosText(nanos: bigint): string {
  return utcText(Number(nanos / nanosPerSecond), Number((nanos % nanosPerSecond) / 100n))
}

/** An id in hexadecimal digits; of zeros only, it means that there is none. */
export function idText(id: string): string {
  return /^0*$/.test(id) ? '' : id
}

/** A double as the exporter writes it, which is as JavaScript does. JSON has no NaN and no infinity: they become null. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** What the scope adds to the attributes of each of its records: members of an object, and their keys. */
export type ScopeMembers = { readonly text: Buffer; readonly keys: readonly string[] }

/** Name and version of the scope, unless empty. As in the exporter, they win over attributes with the same keys. */
export function scopeMembersOf(name: string, version: string): ScopeMembers {
  const members = [
    { key: 'scope.name', value: name },
    { key: 'scope.version', value: version },
  ].filter(({ value }) => value !== '')
  const text = members.map(({ key, value }) => `"${key}":${JSON.stringify(value.toWellFormed())}`).join(',')
  return { text: Buffer.from(text), keys: members.map(({ key }) => key) }
}
