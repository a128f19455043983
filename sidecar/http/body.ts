import type { IncomingMessage } from 'node:http'
import type { Clock } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ByteLease } from './byte-budget.ts'

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
  lease: ByteLease,
  clock: Clock,
): Promise<Buffer> {
  const declared = declaredLength(request)
  if (declared !== undefined && declared > maxBytes) throw tooLarge(maxBytes)
  await lease.take(declared ?? 0)
  const chunks: Buffer[] = []
  let bytesCount = 0
  const stall = new StallTimer(clock)
  // Leaving the loop early must not destroy the request: that would cut the connection before it is answered.
  const parts = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await stall.race(parts.next())
      if (next.done === true) break
      bytesCount += next.value.length
      if (bytesCount > maxBytes) throw tooLarge(maxBytes)
      if (declared === undefined) await lease.take(next.value.length)
      chunks.push(next.value)
    }
  } catch (error) {
    if (error instanceof SidecarError) throw error
    throw new SidecarError('HTTP_BODY_ABORTED', 'The client went away in the middle of the body.', {
      cause: error,
    })
  }
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytesCount)
}

/** Gives up when the next part of a body does not come. */
class StallTimer {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async race<Part>(next: Promise<Part>): Promise<Part> {
    const stalled = Promise.withResolvers<never>()
    const timer = this.#clock.after(limits.bodyStallMs, () => {
      const message = `Nothing more of the body came for ${limits.bodyStallMs / 1000} s. Send it again.`
      stalled.reject(new SidecarError('HTTP_BODY_STALLED', message))
    })
    try {
      return await Promise.race([next, stalled.promise])
    } finally {
      timer.cancel()
      next.catch(() => undefined)
    }
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
    `The body is larger than server.max_body_mb allows (${maxBytes} bytes).`,
  )
}
