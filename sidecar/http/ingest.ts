/** One request: its body is read, within the limits, and taken in once, however often it is sent at the same time. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../core/ports.ts'
import { limits } from '../core/limits.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { RequestMark } from '../core/request-slice.ts'
import type { Metrics } from '../observability/metrics.ts'
import { readBody } from './body.ts'
import type { BodyIntake, IntakeResult, Room } from './body-intake.ts'
import type { BodyMemory, BodyMemoryPool } from './body-memory.ts'
import { Budget, type Lease } from './budget.ts'
import type { Deduplication } from './deduplication.ts'
import { closesBeforeRetry } from './known-shipper.ts'
import { addressOf, requestKey } from './request-key.ts'
import { ReadingTurns, type Turn } from './reading-turns.ts'
import { RequestsInWork } from './requests-in-work.ts'

export type IngestOptions = {
  readonly bodyIntake: Pick<BodyIntake, 'take'>
  readonly bodyMemory: BodyMemoryPool
  readonly maxBodyBytes: number
  readonly maxInFlightBytes: number
  readonly maxInFlightRequests: number
  /** Whether a request that equals one in work may be taken for its retry; see RequestsInWork. */
  readonly joinIdenticalRequests: boolean
  /** Undefined when requests are not remembered beyond their answer. */
  readonly dedup:
    Pick<Deduplication, 'arrived' | 'identityOf' | 'claim' | 'seemsHeld' | 'closesSeen'> | undefined
  readonly clock: Clock
  readonly metrics: Metrics
}

export class Ingest {
  readonly #options: IngestOptions
  readonly #bytes: Budget
  readonly #requests: Budget
  readonly #turns: ReadingTurns
  readonly #inWork = new RequestsInWork()

  constructor(options: IngestOptions) {
    this.#options = options
    const { metrics, clock } = options
    this.#turns = new ReadingTurns(clock)
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
    const { bodyMemory, clock, metrics } = this.#options
    let memory: BodyMemory | undefined
    let turn: Turn | undefined
    try {
      await slot.take(1)
      const maxReadBytes = this.#options.maxBodyBytes * limits.bodyKeptFactor
      turn = await this.#turns.enter(Number(request.headers['content-length'] ?? 0))
      memory = await readBody(request, maxReadBytes, room, clock, bodyMemory)
      metrics.httpBodyBytes.inc(memory.bytes.length)
      return await this.#takeOnce(request, head, memory, room)
    } finally {
      memory?.release()
      turn?.leave()
      room.release()
      slot.release()
    }
  }

  /** What is recognised as a retry is answered with what became of the first. */
  async #takeOnce(
    request: IncomingMessage,
    head: RequestHead,
    memory: BodyMemory,
    room: Lease,
  ): Promise<IntakeResult> {
    const { dedup } = this.#options
    const identity = dedup?.identityOf(request, head, memory.bytes)
    if (dedup === undefined || identity === undefined) {
      return this.#takeUnremembered(request, head, memory, room)
    }
    if (dedup.seemsHeld(request, identity)) await dedup.closesSeen()
    const claim = dedup.claim(request, identity)
    switch (claim.kind) {
      case 'repeated':
        return { records: 0, deadLetters: 0, repeated: true }
      case 'joined':
        return this.#joined(claim.result, room)
      case 'new':
        return claim.hold(this.#takeBody(head, memory, room, claim.mark))
    }
  }

  #takeUnremembered(
    request: IncomingMessage,
    head: RequestHead,
    memory: BodyMemory,
    room: Lease,
  ): Promise<IntakeResult> {
    if (!this.#options.joinIdenticalRequests) return this.#takeBody(head, memory, room)
    const key = joinKey(request, head, memory.bytes)
    const result = this.#inWork.join(key, request, closesBeforeRetry(request))
    if (result !== undefined) return this.#joined(result, room)
    return this.#inWork.add(key, request, this.#takeBody(head, memory, room))
  }

  #joined(result: Promise<IntakeResult>, room: Lease): Promise<IntakeResult> {
    this.#options.metrics.httpJoinedRequests.inc()
    room.release()
    return result
  }

  #takeBody(head: RequestHead, memory: BodyMemory, lease: Lease, mark?: RequestMark): Promise<IntakeResult> {
    return this.#options.bodyIntake.take(memory.bytes, head, this.#roomFor(lease, memory), mark)
  }

  /** What a body grows by is in new buffers. */
  #roomFor(lease: Lease, memory: BodyMemory): Room {
    const { bodyMemory } = this.#options
    return {
      take: (bytesCount) => {
        bodyMemory.noteGarbage(bytesCount)
        return lease.take(bytesCount)
      },
      hasRoom: lease.hasRoom,
      count: (bytesCount) => {
        bodyMemory.noteGarbage(bytesCount)
        lease.count(bytesCount)
      },
      hold: () => {
        memory.hold()
        return () => memory.release()
      },
    }
  }
}

/** Of a request that is not remembered beyond its answer. */
function joinKey(request: IncomingMessage, head: RequestHead, body: Buffer): string {
  const { 'idempotency-key': idempotencyKey = '' } = request.headers
  return `${requestKey(request, addressOf(request), head, body)} ${String(idempotencyKey)}`
}
