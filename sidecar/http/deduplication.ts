/** Recognises what a shipper sends again, after the answer too: see decisions/0015. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, Random, RequestLedger } from '../core/ports.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { RequestKey, RequestMark } from '../core/request-slice.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Seldom } from '../observability/seldom.ts'
import { ConnectionMarks, type ForgetWhenRead } from './connection-marks.ts'
import { addressOf, requestKey, type Sender } from './request-key.ts'

export type DeduplicationOptions = {
  /** What makes two requests one: see `journal.dedup`. */
  readonly mode: 'auto' | 'content' | 'idempotency_key' | 'off'
  readonly forgetWhenRead: ForgetWhenRead
  /** See RequestMark. */
  readonly fingerprint: number
  readonly ledger: Pick<RequestLedger, 'isStored' | 'forget'>
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

const headerMaxLength = 256

export class Deduplication {
  readonly #options: DeduplicationOptions
  readonly #marks: ConnectionMarks
  readonly #repeatsTold: Seldom
  readonly #headersTold: Seldom

  constructor(options: DeduplicationOptions) {
    this.#options = options
    this.#marks = new ConnectionMarks(options)
    this.#repeatsTold = new Seldom(options.clock)
    this.#headersTold = new Seldom(options.clock)
  }

  /** To be told of each request once its head was read, before anything is done with it. */
  arrived(request: IncomingMessage, response: ServerResponse): void {
    this.#marks.arrived(request, response)
  }

  /** Undefined for a request that is never taken for a repetition. */
  markOf(request: IncomingMessage, head: RequestHead, body: Buffer): RequestMark | undefined {
    const sender = this.#senderOf(request)
    if (sender === undefined) return undefined
    const key = requestKey(request, sender, head, body)
    return { key, ...this.#marks.identify(request, key), fingerprint: this.#options.fingerprint }
  }

  /** Whether all of the request is stored, so that it needs only an answer. Counts and tells it. */
  isRepeated(key: RequestKey): boolean {
    const { ledger, metrics, log } = this.#options
    if (!ledger.isStored(key)) return false
    metrics.httpRepeatedRequests.inc()
    this.#repeatsTold.note((count) =>
      log.info(
        { event: 'http.repeated', count },
        'Requests that equal one which is stored were answered 200 and not stored again (journal.dedup).',
      ),
    )
    return true
  }

  #senderOf(request: IncomingMessage): Sender | undefined {
    const { mode } = this.#options
    if (mode === 'off') return undefined
    const given = mode === 'content' ? undefined : this.#idempotencyKeyOf(request)
    if (given !== undefined) return { kind: 'idempotency-key', value: given }
    return mode === 'idempotency_key' ? undefined : addressOf(request)
  }

  #idempotencyKeyOf(request: IncomingMessage): string | undefined {
    const header = request.headers['idempotency-key']
    if (header === undefined) return undefined
    const value = String(header)
    if (value.length <= headerMaxLength && /^[!-~]+$/.test(value)) return value
    this.#headersTold.note((count) =>
      this.#options.log.warn(
        { event: 'http.idempotency_key_ignored', count, remoteAddress: request.socket.remoteAddress },
        `An Idempotency-Key was ignored: it must be 1 to ${headerMaxLength} visible ASCII characters without a space.`,
      ),
    )
    return undefined
  }
}
