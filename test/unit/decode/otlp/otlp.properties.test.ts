import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SidecarError } from '../../../../sidecar/core/errors.ts'
import { decodeOtlp } from '../../../../sidecar/decode/otlp/otlp.ts'
import { WireCursor } from '../../../../sidecar/decode/otlp/wire.ts'
import { comparableKey, trickyText } from '../../../helpers/json-texts.ts'
import {
  type AnyValue,
  type KeyValue,
  type LogRecord,
  otlpJson,
  otlpProtobuf,
  type ResourceLogs,
} from '../../../helpers/otlp.ts'
import { textsOf } from '../../../helpers/records.ts'

const anyNanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const anyBytes = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))

const { value: anyValue } = fc.letrec<{ value: AnyValue; pair: KeyValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ stringValue: fc.oneof(trickyText, fc.string({ maxLength: 60 })) }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ doubleValue: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0) }),
    fc.record({ bytesValue: anyBytes }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('value'), { maxLength: 4 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(tie('pair'), { maxLength: 4 }) }) }),
  ),
  pair: fc.record({ key: comparableKey, value: tie('value') }),
}))

const anyAttributes = fc.array(fc.record({ key: comparableKey, value: anyValue }), { maxLength: 4 })

const anyRecord: fc.Arbitrary<LogRecord> = fc.record(
  {
    timeUnixNano: anyNanos,
    observedTimeUnixNano: anyNanos,
    severityNumber: fc.integer({ min: -1, max: 25 }),
    severityText: trickyText,
    body: anyValue,
    attributes: anyAttributes,
    traceId: anyBytes,
    spanId: anyBytes,
  },
  { requiredKeys: [] },
)

const anyLogs: fc.Arbitrary<ResourceLogs[]> = fc.array(
  fc.record(
    {
      resource: fc.record({ attributes: anyAttributes }),
      scopeLogs: fc.array(
        fc.record(
          {
            scope: fc.record({ name: trickyText, version: trickyText }),
            logRecords: fc.array(anyRecord, { maxLength: 3 }),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  ),
  { maxLength: 3 },
)

/** What the JSON of a value must say, with integers as the doubles that JSON.parse makes of them. */
function plain(value: AnyValue | undefined): unknown {
  if (value === undefined) return null
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return value.boolValue
  if ('intValue' in value) return Number(value.intValue)
  if ('doubleValue' in value) return value.doubleValue
  if ('bytesValue' in value) return value.bytesValue.toString('base64')
  if ('arrayValue' in value) return (value.arrayValue as { values: AnyValue[] }).values.map(plain)
  if ('kvlistValue' in value) return plainPairs((value.kvlistValue as { values: KeyValue[] }).values)
  return null
}

/** JSON.parse keeps the last of equal keys, and makes own properties of any. */
function plainPairs(pairs: readonly KeyValue[]): object {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]))
}

function nanosOf(time: unknown): bigint {
  const [seconds = '', fraction = ''] = String(time).split('.')
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(`${fraction.slice(0, 7)}00`)
}

function decodeIfReadable(
  body: Buffer,
  contentType: string | undefined,
): { texts: string[]; rejected: Buffer[] } {
  try {
    const { block, rejected } = decodeOtlp(body, contentType)
    assert.ok(isUtf8(block.bytes))
    return { texts: textsOf(block), rejected: rejected.map(({ bytes }) => bytes) }
  } catch (error) {
    assert.ok(error instanceof SidecarError, String(error))
    assert.equal(error.code, 'DECODE_UNREADABLE')
    return { texts: [], rejected: [body] }
  }
}

/** The last field of each record, so that a record is whole where its marker is. */
const marker = 'the end of a record'

const contentTypes = { protobuf: 'application/x-protobuf', json: 'application/json' }

describe('decodeOtlp, for any logs,', () => {
  it('gives their values, the same from both formats', () => {
    fc.assert(
      fc.property(anyLogs, (logs) => {
        const texts = textsOf(decodeOtlp(otlpProtobuf(...logs), contentTypes.protobuf).block)
        assert.deepEqual(textsOf(decodeOtlp(otlpJson(...logs), contentTypes.json).block), texts)
        const sources = logs.flatMap(({ resource, scopeLogs = [] }) =>
          scopeLogs.flatMap(({ scope, logRecords = [] }) =>
            logRecords.map((record) => ({ resource, scope, record })),
          ),
        )
        assert.equal(texts.length, sources.length)
        for (const [index, { resource, scope, record }] of sources.entries()) {
          const row = JSON.parse(texts[index] ?? '') as Record<string, unknown>
          const observed = record.observedTimeUnixNano ?? 0n
          const time = record.timeUnixNano ?? 0n
          for (const [column, nanos] of [
            ['Timestamp', time === 0n ? observed : time],
            ['ObservedTimestamp', observed],
          ] as const) {
            if (nanos === 0n) assert.equal(row[column], undefined)
            else assert.equal(nanosOf(row[column]), nanos - (nanos % 100n))
          }
          assert.equal(row['SeverityText'], record.severityText ?? '')
          assert.equal(row['SeverityNumber'], record.severityNumber ?? 0)
          const body = plain(record.body)
          if (typeof body === 'string') assert.equal(row['Body'], body)
          else assert.deepEqual(row['Body'] === '' ? null : JSON.parse(String(row['Body'])), body)
          assert.deepEqual(row['ResourceAttributes'], plainPairs(resource?.attributes ?? []))
          const scopeMembers = Object.entries({ 'scope.name': scope?.name, 'scope.version': scope?.version })
          assert.deepEqual(row['LogsAttributes'], {
            ...plainPairs(record.attributes ?? []),
            ...Object.fromEntries(scopeMembers.filter(([, text]) => text !== undefined && text !== '')),
          })
        }
      }),
      { numRuns: 300 },
    )
  })

  const endings = { protobuf: marker, json: `"eventName":"${marker}"}` }
  for (const format of ['protobuf', 'json'] as const) {
    it(`keeps the records before a cut, and shows that there was one, in ${format}`, () => {
      const encode = format === 'json' ? otlpJson : otlpProtobuf
      fc.assert(
        fc.property(anyLogs.map(withMarkers), fc.nat(), (logs, anyCut) => {
          const body = encode(...logs)
          if (body.length < 2) return
          const cut = 1 + (anyCut % (body.length - 1))
          const whole = body.toString('latin1', 0, cut).split(endings[format]).length - 1
          const { texts, rejected } = decodeIfReadable(body.subarray(0, cut), contentTypes[format])
          assert.deepEqual(texts, textsOf(decodeOtlp(body, contentTypes[format]).block).slice(0, whole))
          const isWholeRequest = format === 'protobuf' && isBetweenFields(body, cut)
          assert.equal(rejected.length, isWholeRequest ? 0 : 1)
        }),
        { numRuns: 1000 },
      )
    })
  }
})

function withMarkers(logs: readonly ResourceLogs[]): ResourceLogs[] {
  return logs.map(({ scopeLogs = [], ...resource }) => ({
    ...resource,
    scopeLogs: scopeLogs.map(({ logRecords = [], ...scope }) => ({
      ...scope,
      logRecords: logRecords.map((record) => ({ ...record, eventName: marker })),
    })),
  }))
}

/** Whether a field of the request begins at this offset: what is before it is then a whole request. */
function isBetweenFields(body: Buffer, wanted: number): boolean {
  const request = new WireCursor(body, 0, body.length)
  while (request.next()) if (request.fieldStart === wanted) return true
  return false
}

describe('decodeOtlp, for any bytes,', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 })
  const damaged = fc
    .tuple(anyLogs, changes, fc.constantFrom(otlpProtobuf, otlpJson))
    .map(([logs, list, encode]) => {
      const body = Buffer.concat([encode(...logs)])
      for (const [offset, byte] of list) if (body.length > 0) body[offset % body.length] = byte
      return body
    })
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"resourceLogs":[',
    '"scopeLogs":[',
    '"logRecords":[',
    '"resource":',
    '"scope":',
    '{}',
    'null',
    '"body":{"stringValue":"x"}',
    '1',
    '\\',
    ' ',
  ]
  const anyBody = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.array(fc.constantFrom(...pieces), { maxLength: 25 }).map((parts) => Buffer.from(parts.join(''))),
    fc
      .array(fc.constantFrom(0x0a, 0x12, 0x02, 0x00, 0x04, 0x2a, 0x32, 0xff, 0x09), { maxLength: 40 })
      .map((bytes) => Buffer.from(bytes)),
    { weight: 3, arbitrary: damaged },
  )

  it('throws nothing but a SidecarError, and gives whole JSON objects', () => {
    fc.assert(
      fc.property(
        anyBody,
        fc.constantFrom(undefined, contentTypes.json, contentTypes.protobuf),
        (body, contentType) => {
          for (const text of decodeIfReadable(body, contentType).texts) {
            const row = JSON.parse(text) as Record<string, unknown>
            assert.equal(typeof row['Body'], 'string')
            assert.equal(typeof row['LogsAttributes'], 'object')
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})
