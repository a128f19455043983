/** One request: its body is read, within the limits, and taken in once, however often it is sent at the same time. */
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/ports.ts'
import { limits } from '../core/limits.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { Metrics } from '../observability/metrics.ts'
import { readBody } from './body.ts'
import type { BodyIntake, IntakeResult } from './body-intake.ts'
import { Budget, type Lease } from './budget.ts'

export type IngestOptions = {
  readonly bodyIntake: Pick<BodyIntake, 'take'>
  readonly maxBodyBytes: number
  readonly maxInFlightBytes: number
  readonly maxInFlightRequests: number
  /** Whether a request that equals one in work, whose connection was closed, is taken for its retry. */
  readonly joinIdenticalRequests: boolean
  readonly clock: Clock
  readonly metrics: Metrics
}

/** A request in work, and the connection on which its answer is waited for: its own, or that of the retry that joined it last. */
type InFlight = { socket: Socket; readonly result: Promise<IntakeResult> }

export class Ingest {
  readonly #options: IngestOptions
  readonly #bytes: Budget
  readonly #requests: Budget
  readonly #inFlight = new Map<string, Set<InFlight>>()

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
   * A shipper that gave up on an answer closes the connection and sends the same bytes again, while the first request may still be in
   * work: the second is answered with the result of the first. As long as somebody waits on the connection of the first, an equal
   * request is no retry but has records of its own, such as two files with the same line in the same second. For the same reason
   * a request is joined by the next retry only when the last one was given up too.
   */
  async #takeOnce(
    request: IncomingMessage,
    head: RequestHead,
    body: Buffer,
    room: Lease,
  ): Promise<IntakeResult> {
    if (!this.#options.joinIdenticalRequests) return this.#takeBody(head, body, room)
    const { socket } = request
    const key = requestKey(request, head, body)
    const equals = this.#inFlight.get(key) ?? new Set()
    const givenUp = equals.values().find((equal) => equal.socket.destroyed)
    if (givenUp !== undefined) {
      givenUp.socket = socket
      this.#options.metrics.httpJoinedRequests.inc()
      room.release()
      return givenUp.result
    }
    const inFlight = { socket, result: this.#takeBody(head, body, room) }
    this.#inFlight.set(key, equals.add(inFlight))
    return inFlight.result.finally(() => {
      equals.delete(inFlight)
      if (equals.size === 0) this.#inFlight.delete(key)
    })
  }

  #takeBody(head: RequestHead, body: Buffer, room: Lease): Promise<IntakeResult> {
    return this.#options.bodyIntake.take(body, head, room)
  }
}

/**
 * Equal for a request and its retry: shippers retry with the same bytes and headers (seen with Fluent Bit 5.1.1, also with gzip). The body is
 * always part of it, also beside an `Idempotency-Key`: nobody may be told that bytes are safe which were never stored.
 */
function requestKey(request: IncomingMessage, head: RequestHead, body: Buffer): string {
  const { path, tag, contentType, contentEncoding } = head
  const sender = [request.socket.remoteAddress, request.headers['idempotency-key'], request.method]
  return JSON.stringify([...sender, path, tag, contentType, contentEncoding, hash('sha256', body, 'base64')])
}
