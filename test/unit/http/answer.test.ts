import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { type AnswerForm, answerFailed, answerFormOf, statusOf } from '../../../sidecar/http/answer.ts'

const json: AnswerForm = { kind: 'json' }
const forms: AnswerForm[] = [json, { kind: 'otlp', isJson: true }, { kind: 'otlp', isJson: false }]

/** What is written to a response that only takes it. */
function failed(message: string, form: AnswerForm): { body: Buffer; headers: Record<string, unknown> } {
  let body: Buffer = Buffer.alloc(0)
  let headers: Record<string, unknown> = {}
  const response = {
    writeHead: (_status: number, given: Record<string, unknown>) => void (headers = given),
    end: (given: Buffer) => void (body = given),
  }
  answerFailed(response as unknown as ServerResponse, { status: 400, code: 'DECODE_EMPTY', message }, form)
  return { body, headers }
}

describe('an answer that tells of a failure', () => {
  it('is short and whole for any message', () => {
    const message = fc.string({ unit: 'binary', maxLength: 10_000, size: 'max' })
    fc.assert(
      fc.property(message, fc.constantFrom(...forms), (text, form) => {
        const { body, headers } = failed(text, form)
        assert.ok(body.length <= 3_000)
        assert.equal(headers['Content-Length'], body.length)
        if (form.kind === 'otlp' && !form.isJson) return
        const value = JSON.parse(body.toString()) as { error?: { message: string }; message?: string }
        const told = value.error?.message ?? value.message ?? ''
        assert.ok(text.toWellFormed().startsWith(told.replace(/\.\.\.$|\uFFFD(?:\.\.\.)?$/, '')))
      }),
    )
  })

  it('repeats a message of usual length as it is', () => {
    const { body } = failed('The body is empty.', json)
    assert.equal(body.toString(), '{"error":{"code":"DECODE_EMPTY","message":"The body is empty."}}\n')
  })

  it('is 503 for OTLP where the status would be 408, and never 500', () => {
    const stalled = new SidecarError('HTTP_BODY_STALLED', 'x')
    assert.equal(statusOf(stalled, json), 408)
    assert.equal(statusOf(stalled, answerFormOf({ path: '/a/v1/logs' })), 503)
    for (const form of forms) {
      assert.equal(statusOf(new Error('x'), form), 503)
      assert.equal(statusOf(new SidecarError('JOURNAL_SYNC_FAILED', 'x'), form), 503)
      assert.equal(statusOf(new SidecarError('DECODE_EMPTY', 'x'), form), 400)
    }
  })
})
