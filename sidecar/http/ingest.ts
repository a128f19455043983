/** One request: its body is read, within the limits, and taken in once, however often it is sent at the same time. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/ports.ts'
import { limits } from '../core/limits.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { RequestMark } from '../core/request-slice.ts'
import type { Metrics } from '../observability/metrics.ts'
import { readBody } from './body.ts'
import type { BodyIntake, IntakeResult } from './body-intake.ts'
import { Budget, type Lease } from './budget.ts'
import type { Deduplication } from './deduplication.ts'
import { addressOf, requestKey } from './request-key.ts'

export type IngestOptions = {
  readonly bodyIntake: Pick<BodyIntake, 'take'>
  readonly maxBodyBytes: number
  readonly maxInFlightBytes: number
  readonly maxInFlightRequests: number
  /** Whether identical requests in work at the same time are taken for one and its retry. */
  readonly joinIdenticalRequests: boolean
  /** Undefined when requests are not remembered beyond their answer. */
  readonly dedup: Pick<Deduplication, 'arrived' | 'isRepeated' | 'markOf'> | undefined
  readonly clock: Clock
  readonly metrics: Metrics
}

type InFlight = { readonly socket: Socket; readonly result: Promise<IntakeResult> }

export class Ingest {
  readonly #options: IngestOptions
  readonly #bytes: Budget
  readonly #requests: Budget
  readonly #inFlight = new Map<string, InFlight>()

  constructor(options: IngestOptions) {
    this.#options = options
    const { metrics, clock } = options
    this.#bytes = new Budget({
      max: options.maxInFlightBytes,
      clock,
      onChange: (bytes) => metrics.httpInFlightBytes.set(bytes),
      describe: (used, max) =>
        `Requests in work hold ${used} bytes, and server.max_in_flight_mb is ${max} bytes.`,
    })
    this.#requests = new Budget({
      max: options.maxInFlightRequests,
      clock,
      onChange: (requests) => metrics.httpInFlightRequests.set(requests),
      describe: (used, max) => `${used} requests are in work, and server.max_in_flight_requests is ${max}.`,
    })
  }

  /** To be told of each request of the listener once its head was read, before anything is done with it. */
  arrived(request: IncomingMessage, response: ServerResponse): void {
    this.#options.dedup?.arrived(request, response)
  }

  /** Rejects with the SidecarError that the client is to be told. */
  async take(request: IncomingMessage, head: RequestHead): Promise<IntakeResult> {
    const slot = this.#requests.lease()
    const room = this.#bytes.lease()
    try {
      await slot.take(1)
      const maxReadBytes = this.#options.maxBodyBytes * limits.bodyKeptFactor
      const body = await readBody(request, maxReadBytes, room, this.#options.clock)
      this.#options.metrics.httpBodyBytes.inc(body.length)
      return await this.#takeOnce(request, head, body, room)
    } finally {
      room.release()
      slot.release()
    }
  }

  /**
   * A shipper that waited 60 s for an answer sends the same bytes again while the first request may still be in work: the second is
   * answered with the result of the first. Not on the same connection, where a second request cannot be a retry of one that
   * has no answer yet; it is stored without a mark, since its mark would be that of the first.
   */
  async #takeOnce(
    request: IncomingMessage,
    head: RequestHead,
    body: Buffer,
    room: Lease,
  ): Promise<IntakeResult> {
    const { dedup, joinIdenticalRequests, metrics } = this.#options
    const mark = dedup?.markOf(request, head, body)
    if (mark !== undefined && dedup?.isRepeated(mark.key) === true) {
      return { records: 0, deadLetters: 0, repeated: true }
    }
    if (mark === undefined && !joinIdenticalRequests) return this.#takeBody(head, body, room)
    const key = mark?.key ?? joinKey(request, head, body)
    const first = this.#inFlight.get(key)
    if (first !== undefined) {
      if (first.socket === request.socket) return this.#takeBody(head, body, room)
      if (!joinIdenticalRequests) return this.#takeBody(head, body, room, mark)
      metrics.httpJoinedRequests.inc()
      room.release()
      return first.result
    }
    const result = this.#takeBody(head, body, room, mark)
    this.#inFlight.set(key, { socket: request.socket, result })
    return result.finally(() => this.#inFlight.delete(key))
  }

  #takeBody(head: RequestHead, body: Buffer, room: Lease, mark?: RequestMark): Promise<IntakeResult> {
    return this.#options.bodyIntake.take(body, head, room, mark)
  }
}

/** Of a request that is not remembered beyond its answer. */
function joinKey(request: IncomingMessage, head: RequestHead, body: Buffer): string {
  const { 'idempotency-key': idempotencyKey = '' } = request.headers
  return `${requestKey(request, addressOf(request), head, body)} ${String(idempotencyKey)}`
}
