/**
 * Posting an ingestion message, with exact knowledge of what is not known. After "certainly not posted" the same message may be posted
 * again; after anything else there may be one on its way already.
 * Source: learn.microsoft.com, "Put Message".
 */
import type { Dispatcher } from 'undici'
import { systemCodeOf, type SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { kustoError } from './classify.ts'
import { callStorage, refusedBy, type StorageAnswer } from './storage-call.ts'

export type Posting = { readonly kind: 'sent' } | { readonly kind: 'unknown'; readonly why: SidecarError }

/** `url` is that of a queue, with its SAS. Rejects with a `KUSTO_` error only when the message was certainly not posted. */
export async function postMessage(dispatcher: Dispatcher, url: string, text: string): Promise<Posting> {
  const queue = new URL(url)
  queue.pathname = `${queue.pathname.replace(/\/$/, '')}/messages`
  const encoded = Buffer.from(text).toString('base64')
  const what = 'Posting an ingestion message to'
  let answer: StorageAnswer
  try {
    answer = await callStorage(dispatcher, queue.href, what, {
      method: 'POST',
      timeoutMs: limits.kustoRequestTimeoutMs,
      headers: { 'content-type': 'application/xml' },
      body: `<QueueMessage><MessageText>${encoded}</MessageText></QueueMessage>`,
    })
  } catch (error) {
    const why = kustoError(error, what)
    if (wasNeverSent(why.cause)) throw why
    return { kind: 'unknown', why }
  }
  if (answer.status === 201) return { kind: 'sent' }
  const why = refusedBy(answer, what, url)
  if (isRefusal(answer.status)) throw why
  return { kind: 'unknown', why }
}

/** A 408 is the word of a server that did not see the request to its end; whoever is behind it may have. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408
}

/**
 * There was no connection, so nothing can have gone out: the name was not found, or connecting failed. The same codes from a connection
 * that stood (`EHOSTUNREACH` of a read) say nothing of the kind, therefore the system call is asked for.
 */
export function wasNeverSent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(wasNeverSent)
  if (systemCodeOf(error) === 'UND_ERR_CONNECT_TIMEOUT') return true
  const call: unknown = error instanceof Error && 'syscall' in error ? error.syscall : undefined
  return call === 'connect' || call === 'getaddrinfo'
}
