import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { decodeOtlp } from '../../sidecar/decode/otlp/otlp.ts'
import { wrapField } from '../../sidecar/decode/otlp/wire.ts'
import { protobufOf } from './otlp.ts'
import { textsOf } from './records.ts'

export type Row = {
  readonly Body: string
  readonly ResourceAttributes: object
  readonly LogsAttributes: object
}
export type Outcome = { rows: Row[]; bodies: string[]; rejected: Buffer[]; reasons: string[] }

/** Decodes an OTLP body, and checks that no reason tells the word "secret" of the content. */
export function decodeAs(contentType: string, body: Buffer): Outcome {
  const { block, rejected } = decodeOtlp(body, contentType)
  assert.ok(isUtf8(block.bytes))
  for (const { code, reason } of rejected) {
    assert.equal(code, 'DECODE_NOT_OTLP')
    assert.doesNotMatch(reason, /secret/)
  }
  const rows = textsOf(block).map((text) => JSON.parse(text) as Row)
  return {
    rows,
    bodies: rows.map((row) => row.Body),
    rejected: rejected.map(({ bytes }) => bytes),
    reasons: rejected.map(({ reason }) => reason),
  }
}

/** A LogRecord in protobuf with this body. */
export function recordOf(body: string): Buffer {
  return protobufOf('LogRecord', { body: { stringValue: body } })
}

/** A request in protobuf with these bytes as its records. */
export function requestWith(...records: readonly Buffer[]): Buffer {
  const scopeLogs = records.map((bytes) => wrapField(2, [bytes]))
  return wrapField(1, [wrapField(2, scopeLogs)])
}

export function decodeProtobuf(...parts: readonly Buffer[]): Outcome {
  return decodeAs('application/x-protobuf', Buffer.concat(parts))
}
