/** What a shipper is answered, as JSON, or in the form of OTLP where it speaks that. */
import type { ServerResponse } from 'node:http'
import { SidecarError } from '../core/errors.ts'
import { isOtlpJson, otlpContentType, otlpFailure, otlpSuccess } from '../core/otlp-reply.ts'
import { isOtlpPath, type RequestHead } from '../core/request-head.ts'
import type { IntakeResult } from './body-intake.ts'
import { reply } from './reply.ts'

/** The form in which an answer is written. */
export type AnswerForm = { readonly kind: 'json' } | { readonly kind: 'otlp'; readonly isJson: boolean }

export const jsonForm: AnswerForm = { kind: 'json' }

/** With the head under 4,000 bytes in all: Fluent Bit takes a longer answer for an error. */
const maxBodyBytes = 3_000

export function answerFormOf(head: RequestHead): AnswerForm {
  return isOtlpPath(head.path) ? { kind: 'otlp', isJson: isOtlpJson(head.contentType) } : jsonForm
}

/** Tells that every record of the request is safe. */
export function answerTaken(response: ServerResponse, result: IntakeResult, form: AnswerForm): void {
  if (form.kind === 'json') reply(response, 200, `${JSON.stringify(result)}\n`)
  else reply(response, 200, otlpSuccess(form.isJson, result.deadLetters), otlpContentType(form.isJson))
}

/** Tells that the request failed. A message that is too long is cut. */
export function answerFailed(
  response: ServerResponse,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
  form: AnswerForm,
): void {
  const bodyFor = (text: string) =>
    form.kind === 'json'
      ? Buffer.from(`${JSON.stringify({ error: { code, message: text } })}\n`)
      : otlpFailure(form.isJson, text)
  const contentType = form.kind === 'json' ? 'application/json' : otlpContentType(form.isJson)
  reply(response, status, shortBody(message, bodyFor), contentType)
}

/**
 * The status for an error. OTLP exporters, and the opentelemetry output of Fluent Bit, drop their data on 408; on 503 all of
 * them send it again. Anything unforeseen is our fault, and gets 503 too.
 */
export function statusOf(error: unknown, form: AnswerForm): number {
  if (!(error instanceof SidecarError)) return 503
  return form.kind === 'otlp' && error.httpStatus === 408 ? 503 : error.httpStatus
}

function shortBody(message: string, bodyFor: (text: string) => Buffer): Buffer {
  let text = message
  let body = bodyFor(text)
  while (body.length > maxBodyBytes && text.length > 0) {
    text = text.slice(0, Math.floor(text.length / 2)).toWellFormed()
    body = bodyFor(`${text}...`)
  }
  return body
}
