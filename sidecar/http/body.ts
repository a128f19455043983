import type { IncomingMessage } from 'node:http'
import type { Clock, Timer } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Lease } from './budget.ts'

/** Enough to take the rest of any body within reason, so that the client reads our answer instead of a broken connection. */
const discardMaxBytes = 512 * 1024 * 1024
const discardMaxMs = 10_000

/**
 * Reads a whole body of at most `maxBytes`, taking room for it first, or as it comes when its length is not announced. After a rejection
 * the connection is still good, so that an answer can be sent. Rejects with HTTP_BODY_TOO_LARGE, HTTP_OVERLOADED,
 * HTTP_BODY_STALLED, or HTTP_BODY_ABORTED when the client goes away.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  lease: Lease,
  clock: Clock,
): Promise<Buffer> {
  const declared = declaredLength(request)
  if (declared !== undefined && declared > maxBytes) throw tooLarge(maxBytes)
  await lease.take(declared ?? 0)
  const collected = declared === undefined ? new GrowingBody() : new DeclaredBody(declared)
  const stall = new StallWatch(clock)
  // Leaving the loop early must not destroy the request: that would cut the connection before it is answered.
  const parts = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await Promise.race([parts.next(), stall.stalled])
      if (next.done === true) break
      stall.progress()
      if (collected.bytesCount + next.value.length > maxBytes) throw tooLarge(maxBytes)
      if (declared === undefined) await lease.take(next.value.length)
      collected.add(next.value)
    }
  } catch (error) {
    if (error instanceof SidecarError) throw error
    throw new SidecarError('HTTP_BODY_ABORTED', 'The client went away in the middle of the body.', {
      cause: error,
    })
  } finally {
    stall.end()
    // Else its listener goes on waiting for the body, and the rest of it could not be discarded.
    void parts.return?.().catch(() => undefined)
  }
  return collected.whole()
}

/** A body of known length is put together as it comes, so that it is in memory once. Node ends it at that length. */
class DeclaredBody {
  bytesCount = 0
  readonly #declaredBytes: number
  #only: Buffer | undefined
  #bytes: Buffer | undefined

  constructor(declaredBytes: number) {
    this.#declaredBytes = declaredBytes
  }

  add(chunk: Buffer): void {
    if (this.bytesCount === 0) this.#only = chunk
    else {
      this.#bytes ??= this.#start()
      chunk.copy(this.#bytes, this.bytesCount)
    }
    this.bytesCount += chunk.length
  }

  whole(): Buffer {
    const bytes = this.#bytes ?? this.#only ?? Buffer.alloc(0)
    return bytes.subarray(0, this.bytesCount)
  }

  /** Not before a second part comes: a client that announces much and sends nothing takes no memory. */
  #start(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.#declaredBytes)
    this.#only?.copy(bytes)
    this.#only = undefined
    return bytes
  }
}

class GrowingBody {
  bytesCount = 0
  readonly #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.bytesCount += chunk.length
  }

  whole(): Buffer {
    const [only] = this.#chunks
    return this.#chunks.length === 1 && only !== undefined
      ? only
      : Buffer.concat(this.#chunks, this.bytesCount)
  }
}

/** Notices when nothing more of a body comes. One timer for a body, moved on when it fires, since bodies come in many parts. */
class StallWatch {
  /** Rejects with HTTP_BODY_STALLED. */
  readonly stalled: Promise<never>
  readonly #clock: Clock
  readonly #reject: (error: SidecarError) => void
  #progressAtMs: number
  #timer: Timer

  constructor(clock: Clock) {
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => undefined)
    this.stalled = promise
    this.#reject = reject
    this.#clock = clock
    this.#progressAtMs = clock.monotonic()
    this.#timer = clock.after(limits.bodyStallMs, () => this.#check())
  }

  progress(): void {
    this.#progressAtMs = this.#clock.monotonic()
  }

  end(): void {
    this.#timer.cancel()
  }

  #check(): void {
    const leftMs = this.#progressAtMs + limits.bodyStallMs - this.#clock.monotonic()
    if (leftMs > 0) {
      this.#timer = this.#clock.after(leftMs, () => this.#check())
      return
    }
    const message = `Nothing more of the body came for ${limits.bodyStallMs / 1000} s. Send it again.`
    this.#reject(new SidecarError('HTTP_BODY_STALLED', message))
  }
}

/** Lets the rest of a body pass by, so that an early answer reaches a client that is still sending. Never rejects. */
export async function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  if (request.readableEnded || request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = discardMaxBytes
  const onData = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) resolve()
  }
  request.on('data', onData)
  for (const event of ['end', 'close', 'error']) request.once(event, () => resolve())
  const timer = clock.after(discardMaxMs, resolve)
  request.resume()
  await promise
  timer.cancel()
  request.off('data', onData)
}

function declaredLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length']
  return text === undefined ? undefined : Number(text)
}

function tooLarge(maxBytes: number): SidecarError {
  return new SidecarError(
    'HTTP_BODY_TOO_LARGE',
    `The body is larger than ${maxBytes} bytes, which is far over server.max_body_mb, and was not kept.`,
  )
}
