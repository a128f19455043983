import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isOtlpJson, otlpContentType, otlpFailure, otlpSuccess } from '../../../sidecar/core/otlp-reply.ts'
import { fromProtobuf } from '../../helpers/otlp.ts'

/** Fluent Bit takes no reply of more; its head has some hundreds of bytes. */
const replyMaxBytes = 3_500

describe('otlpSuccess', () => {
  it('is an empty message when all records were taken', () => {
    assert.equal(otlpSuccess(true, 0).toString(), '{}')
    assert.equal(otlpSuccess(false, 0).length, 0)
  })

  it('says how many records are dead letters', () => {
    for (const count of [1, 127, 128, 100_000, 2 ** 40]) {
      const partialSuccess = {
        rejectedLogRecords: String(count),
        errorMessage: `${count} log records could not be taken; the sidecar keeps them as dead letters.`,
      }
      assert.deepEqual(JSON.parse(otlpSuccess(true, count).toString()), { partialSuccess })
      assert.deepEqual(fromProtobuf('ExportLogsServiceResponse', otlpSuccess(false, count)), {
        partialSuccess,
      })
    }
  })
})

describe('otlpFailure', () => {
  it('is a status with the message', () => {
    assert.equal(otlpFailure(true, 'Come "again".').toString(), '{"message":"Come \\"again\\"."}')
    assert.deepEqual(fromProtobuf('Status', otlpFailure(false, 'Come again.')), { message: 'Come again.' })
  })

  it('cuts a message so that a shipper takes the reply', () => {
    const unit = fc.constantFrom('\u0000', 'é', '\ud83d\ude80', '\ud83d', 'a')
    fc.assert(
      fc.property(fc.string({ unit, minLength: 400, maxLength: 2000 }), (message) => {
        const json = otlpFailure(true, message)
        const protobuf = otlpFailure(false, message)
        assert.ok(json.length < replyMaxBytes && protobuf.length < replyMaxBytes)
        assert.deepEqual(fromProtobuf('Status', protobuf), JSON.parse(json.toString()))
      }),
    )
  })
})

describe('isOtlpJson', () => {
  it('knows JSON by its Content-Type, and takes everything else for protobuf', () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      ' application/json; charset=utf-8',
      'application/problem+json',
    ])
      assert.equal(isOtlpJson(type), true)
    for (const type of [
      undefined,
      '',
      'application/x-protobuf',
      'application/jsonl',
      'text/plain',
      'x application/json',
    ])
      assert.equal(isOtlpJson(type), false)
  })

  it('goes with the Content-Type of the reply', () => {
    assert.equal(isOtlpJson(otlpContentType(true)), true)
    assert.equal(otlpContentType(false), 'application/x-protobuf')
  })
})
