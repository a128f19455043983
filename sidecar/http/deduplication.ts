/** Recognises what a shipper sends again, after the answer too: see decisions/0015. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Random, RequestLedger } from '../core/ports.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { RequestKey, RequestMark } from '../core/request-slice.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Seldom } from '../observability/seldom.ts'
import type { IntakeResult } from './body-intake.ts'
import { ConnectionMarks, type ForgetWhenRead } from './connection-marks.ts'
import { Holders } from './holders.ts'
import { closesBeforeRetry } from './known-shipper.ts'
import { addressOf, requestKey, variantOf, type Sender } from './request-key.ts'

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

/** Without an `Idempotency-Key` that counts, the address of the sender is in the key. */
export type RequestIdentity = { readonly isByAddress: boolean; readonly equalKey: RequestKey }

/** What a request is to those before it. */
export type Claim =
  /** An earlier one is stored: it needs only an answer. */
  | { readonly kind: 'repeated' }
  /** An earlier one is in work, and its result is that of this one. */
  | { readonly kind: 'joined'; readonly result: Promise<IntakeResult> }
  /** To be taken in with this mark, of which perhaps a part is stored; `hold` gets the result and gives it back. */
  | {
      readonly kind: 'new'
      readonly mark: RequestMark
      readonly hold: (result: Promise<IntakeResult>) => Promise<IntakeResult>
    }

const headerMaxLength = 256

/** After these the end of a connection that was closed before a request was sent on another has been read. */
const turnsUntilCloseIsSeen = 8

export class Deduplication {
  readonly #options: DeduplicationOptions
  readonly #marks: ConnectionMarks
  readonly #holders = new Holders()
  readonly #repeatsTold: Seldom
  readonly #headersTold: Seldom

  constructor(options: DeduplicationOptions) {
    this.#options = options
    const { ledger } = options
    this.#marks = new ConnectionMarks({
      ...options,
      onRead: (key, socket) => {
        ledger.forget(key)
        this.#holders.release(key, socket)
      },
      onLost: (key, socket) => this.#holders.release(key, socket),
    })
    this.#repeatsTold = new Seldom(options.clock)
    this.#headersTold = new Seldom(options.clock)
  }

  /** To be told of each request once its head was read, before anything is done with it. */
  arrived(request: IncomingMessage, response: ServerResponse): void {
    this.#marks.arrived(request, response)
  }

  /** What makes a request equal to others; made once, since the whole body is hashed. Undefined for one that is never taken for a repetition. */
  identityOf(request: IncomingMessage, head: RequestHead, body: Buffer): RequestIdentity | undefined {
    const sender = this.#senderOf(request)
    if (sender === undefined) return undefined
    return { isByAddress: sender.kind === 'address', equalKey: requestKey(request, sender, head, body) }
  }

  /** Whether an equal request is held by a connection that seems to be open: then `closesSeen` is to be waited for before `claim`. */
  seemsHeld(request: IncomingMessage, { isByAddress, equalKey }: RequestIdentity): boolean {
    return isByAddress && closesBeforeRetry(request) && this.#holders.isHeld(variantOf(equalKey, 0))
  }

  /**
   * A process that stood still finds a request, the end of its connection and the retry on another one all at once, and may come to the
   * retry before the end. So the ends that are there already are read first.
   */
  async closesSeen(): Promise<void> {
    for (let turn = 0; turn < turnsUntilCloseIsSeen; turn += 1) await nextTurn()
  }

  /**
   * What a request is, and from now on its answer stands for that.
   *
   * Of shippers that close the connection when they give up on an answer, an equal request is another one as long as the answer to the first may
   * still be read on an open connection: it gets a key of its own, a variant of the first. Of other senders, and where a proxy may be
   * between, equal is equal.
   */
  claim(request: IncomingMessage, { isByAddress, equalKey }: RequestIdentity): Claim {
    const { socket } = request
    const arrival = this.#marks.arrivalOf(request)
    const isDirect = arrival.connection !== ''
    const saysMore = isDirect && closesBeforeRetry(request)
    for (let variant = 0; ; variant += 1) {
      const key = variantOf(equalKey, variant)
      const inWork = this.#holders.inWork(key)
      const isAnother = saysMore ? this.#holders.isHeld(key) : inWork?.socket === socket
      if (isAnother && isByAddress) continue
      this.#marks.identify(request, key)
      if (inWork?.result !== undefined) {
        this.#holders.move(key, socket)
        return { kind: 'joined', result: inWork.result }
      }
      if (this.#options.ledger.isStored(key)) {
        if (isDirect) this.#holders.hold(key, socket)
        this.#tellRepeated()
        return { kind: 'repeated' }
      }
      const mark = { key, ...arrival, fingerprint: this.#options.fingerprint }
      return { kind: 'new', mark, hold: (result) => this.#holders.holdWhile(key, socket, result, isDirect) }
    }
  }

  #tellRepeated(): void {
    const { metrics, log } = this.#options
    metrics.httpRepeatedRequests.inc()
    this.#repeatsTold.note((count) =>
      log.info(
        { event: 'http.repeated', count },
        'Requests that equal one which is stored were answered 200 and not stored again (journal.dedup).',
      ),
    )
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
