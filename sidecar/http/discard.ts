import type { IncomingMessage } from 'node:http'
import type { Clock } from '../core/ports.ts'

/** What somebody may make us read who has shown no credential: about one chunk of a shipper. */
const maxBytes = 1_048_576
const maxMs = 5_000

/**
 * Lets the rest of a small body pass by, so that its sender, who may write all of it before he reads, gets our answer. A larger one
 * is left where it is: the connection then breaks, and shippers send again after that. Never rejects.
 */
export async function discardSmallBody(request: IncomingMessage, clock: Clock): Promise<void> {
  if (request.readableEnded || request.destroyed) return
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return
  const { promise, resolve } = Promise.withResolvers<void>()
  let bytesCount = 0
  const onData = (chunk: Buffer) => {
    bytesCount += chunk.length
    if (bytesCount > maxBytes) resolve()
  }
  request.on('data', onData)
  for (const event of ['end', 'close', 'error']) request.once(event, () => resolve())
  const timer = clock.after(maxMs, resolve)
  await promise
  timer.cancel()
  request.pause()
  request.off('data', onData)
}
