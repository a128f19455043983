/** One call to Azure Storage by its REST API through undici, with a time limit; retrying is left to the callers (decision 0005). */
import type { Readable } from 'node:stream'
import { request, type Dispatcher } from 'undici'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { answerText } from './answer-text.ts'
import { codeOfStorageStatus, kustoError } from './classify.ts'
import { redact, withoutSas } from './redact.ts'

/** Put Blob takes 5,000 MiB in one call from 2019-12-12 on. */
const storageVersion = '2021-12-02'
/** An entity of a table has at most 1 MiB, and no other answer that is read comes near it. */
const maxAnswerBytes = 4 * 1024 * 1024

export type StorageAnswer = {
  readonly status: number
  readonly storageCode: string | undefined
  readonly headers: Dispatcher.ResponseData['headers']
  /** Undefined when it could not be read; the status is known all the same. */
  readonly text: string | undefined
}

export type StorageRequest = {
  readonly method: Dispatcher.HttpMethod
  readonly timeoutMs: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Readable
}

/**
 * Resolves with whatever storage answers; rejects with a `KUSTO_` error, with the error of undici as its cause, when nothing came.
 * `url` carries a SAS; `what` is the beginning of a sentence that goes on with the address.
 */
export async function callStorage(
  dispatcher: Dispatcher,
  url: string,
  what: string,
  { method, timeoutMs, headers: ownHeaders, body: ownBody }: StorageRequest,
): Promise<StorageAnswer> {
  try {
    const { statusCode, headers, body } = await request(url, {
      method,
      headers: { 'x-ms-version': storageVersion, ...ownHeaders },
      body: ownBody ?? null,
      dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
      headersTimeout: limits.storageIdleTimeoutMs,
      bodyTimeout: limits.storageIdleTimeoutMs,
    })
    // The answer is known by its status; what else it says may be cut off without harm.
    const text = await answerText(body, maxAnswerBytes)
    const header = headers['x-ms-error-code']
    const storageCode = typeof header === 'string' ? header : /<Code>(\w{1,60})<\/Code>/.exec(text ?? '')?.[1]
    return { status: statusCode, storageCode, headers, text }
  } catch (error) {
    throw kustoError(error, `${what} ${withoutSas(url)}`)
  }
}

/** The error for an answer that is none of those hoped for. */
export function refusedBy({ status, storageCode }: StorageAnswer, what: string, url: string): SidecarError {
  const code = codeOfStorageStatus(status, storageCode)
  const reason = storageCode === undefined ? '' : ` ${redact(storageCode)}`
  return new SidecarError(code, `${what} ${withoutSas(url)} was refused with ${status}${reason}.`)
}
