import protobuf from 'protobufjs'

/** The messages of opentelemetry-proto 1.9 that a request for logs is made of. */
const schema = `
syntax = "proto3";
message ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1; }
message ExportLogsServiceResponse { ExportLogsPartialSuccess partial_success = 1; }
message ExportLogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2; }
message Status { int32 code = 1; string message = 2; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message InstrumentationScope {
  string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
}
message LogRecord {
  fixed64 time_unix_nano = 1; int32 severity_number = 2; string severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9;
  bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
`

const { root } = protobuf.parse(schema)

export type AnyValue =
  | Record<string, never>
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: bigint }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly KeyValue[] } }
  | { readonly bytesValue: Buffer }

export type KeyValue = { readonly key: string; readonly value?: AnyValue }

export type LogRecord = {
  readonly timeUnixNano?: bigint
  readonly observedTimeUnixNano?: bigint
  readonly severityNumber?: number
  readonly severityText?: string
  readonly body?: AnyValue
  readonly attributes?: readonly KeyValue[]
  readonly traceId?: Buffer
  readonly spanId?: Buffer
  readonly eventName?: string
}

export type ScopeLogs = {
  readonly scope?: { readonly name?: string; readonly version?: string }
  readonly logRecords?: readonly LogRecord[]
}

export type ResourceLogs = {
  readonly resource?: { readonly attributes: readonly KeyValue[] }
  readonly scopeLogs?: readonly ScopeLogs[]
}

/** A message by its name, in protobuf. */
export function protobufOf(name: string, message: object): Buffer {
  const type = root.lookupType(name)
  return Buffer.from(type.encode(withLongs(message) as { [name: string]: unknown }).finish())
}

/** What a message in protobuf says, with integers of 64 bits and bytes as strings. */
export function fromProtobuf(name: string, bytes: Buffer): object {
  const type = root.lookupType(name)
  return type.toObject(type.decode(bytes), { longs: String, bytes: String })
}

export function otlpProtobuf(...resourceLogs: readonly ResourceLogs[]): Buffer {
  return protobufOf('ExportLogsServiceRequest', { resourceLogs })
}

/** A request in the JSON of OTLP: integers of 64 bits as strings, ids in hexadecimal, other bytes in base64. */
export function otlpJson(...resourceLogs: readonly ResourceLogs[]): Buffer {
  const replace = function (this: Record<string, unknown>, key: string, value: unknown): unknown {
    const original = this[key]
    if (typeof original === 'bigint') return String(original)
    // JSON.stringify would write 0.
    if (Object.is(original, -0)) return '-0'
    if (Buffer.isBuffer(original)) return original.toString(key === 'bytesValue' ? 'base64' : 'hex')
    return value
  }
  return Buffer.from(JSON.stringify({ resourceLogs }, replace))
}

/** One request with one record, and nothing around it. */
export function requestOf(...logRecords: readonly LogRecord[]): ResourceLogs {
  return { scopeLogs: [{ logRecords }] }
}

/** protobufjs takes integers of 64 bits in two halves. */
function withLongs(value: unknown): unknown {
  if (typeof value === 'bigint')
    return {
      low: Number(BigInt.asIntN(32, value)),
      high: Number(BigInt.asIntN(32, value >> 32n)),
      unsigned: false,
    }
  if (Array.isArray(value)) return value.map(withLongs)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withLongs(member)]))
}
