import type { IncomingMessage } from 'node:http'
import type { Clock, Timer } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type BodyMemory, type BodyMemoryPool, unpooled } from './body-memory.ts'
import type { Lease } from './budget.ts'

/** Enough to take the rest of any body within reason, so that the client reads our answer instead of a broken connection. */
const discardMaxBytes = 512 * 1024 * 1024
const discardMaxMs = 10_000

/**
 * Reads a whole body of at most `maxBytes`, taking room for it first, or as it comes when its length is not announced. After a rejection
 * the connection is still good, so that an answer can be sent. Rejects with HTTP_BODY_TOO_LARGE, HTTP_OVERLOADED,
 * HTTP_BODY_STALLED, or HTTP_BODY_ABORTED when the client goes away. The memory is held for the caller.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  lease: Lease,
  clock: Clock,
  pool: BodyMemoryPool,
): Promise<BodyMemory> {
  const declared = declaredLength(request)
  if (declared !== undefined && declared > maxBytes) throw tooLarge(maxBytes)
  await lease.take(declared ?? 0)
  const collected = declared === undefined ? new GrowingBody() : new DeclaredBody(declared, pool)
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  const stall = new StallWatch(clock, reject)
  const aborted = (cause?: unknown) =>
    reject(
      new SidecarError('HTTP_BODY_ABORTED', 'The client went away in the middle of the body.', { cause }),
    )
  const onData = (chunk: Buffer) => {
    stall.progress()
    if (collected.bytesCount + chunk.length > maxBytes) return reject(tooLarge(maxBytes))
    collected.add(chunk)
    if (declared !== undefined) return undefined
    request.pause()
    return void lease.take(chunk.length).then(() => request.resume(), reject)
  }
  const onClose = () => aborted()
  // Listeners rather than an iterator, which costs more than all the rest of a small request.
  request.on('data', onData).on('end', resolve).on('error', aborted).on('close', onClose)
  try {
    if (request.destroyed) aborted()
    await ended
    return collected.whole()
  } catch (error) {
    collected.giveUp()
    throw error
  } finally {
    stall.end()
    // What is left of it stays where it is, to be discarded, and nothing of it is read into memory that was given back. An error may come later too.
    request.off('data', onData).off('end', resolve).off('close', onClose)
    if (!request.readableEnded) request.pause()
  }
}

/** A body of known length is put together as it comes, so that it is in memory once. Node ends it at that length. */
class DeclaredBody {
  bytesCount = 0
  readonly #declaredBytes: number
  readonly #pool: BodyMemoryPool
  #only: Buffer | undefined
  #memory: BodyMemory | undefined

  constructor(declaredBytes: number, pool: BodyMemoryPool) {
    this.#declaredBytes = declaredBytes
    this.#pool = pool
  }

  add(chunk: Buffer): void {
    if (this.bytesCount === 0) this.#only = chunk
    else {
      this.#memory ??= this.#start()
      chunk.copy(this.#memory.bytes, this.bytesCount)
    }
    this.bytesCount += chunk.length
  }

  /** Node ends a body at its declared length, so that memory that was begun is full. */
  whole(): BodyMemory {
    return this.#memory ?? unpooled(this.#only ?? Buffer.alloc(0))
  }

  giveUp(): void {
    this.#memory?.release()
  }

  /** Not before a second part comes: a client that announces much and sends nothing takes no memory. */
  #start(): BodyMemory {
    const memory = this.#pool.take(this.#declaredBytes)
    this.#only?.copy(memory.bytes)
    this.#only = undefined
    return memory
  }
}

class GrowingBody {
  bytesCount = 0
  readonly #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.bytesCount += chunk.length
  }

  whole(): BodyMemory {
    const [only] = this.#chunks
    return unpooled(
      this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks, this.bytesCount),
    )
  }

  giveUp(): void {
    this.#chunks.length = 0
  }
}

/** Notices when nothing more of a body comes. One timer for a body, moved on when it fires, since bodies come in many parts. */
class StallWatch {
  readonly #clock: Clock
  readonly #reject: (error: SidecarError) => void
  #progressAtMs: number
  #timer: Timer

  /** `reject` gets HTTP_BODY_STALLED. */
  constructor(clock: Clock, reject: (error: SidecarError) => void) {
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
