import { createHash, hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { SidecarError } from '../core/errors.ts'
import type { RequestHead } from '../core/request-head.ts'
import type { RequestKey } from '../core/request-slice.ts'

/** 16 bytes. */
const keyDigits = 32
const smallBodyBytes = 16 * 1024

/** Whom a request comes from: a client address, or whoever knows the `Idempotency-Key`. */
export type Sender = {
  readonly kind: 'address' | 'idempotency-key'
  readonly value: string
}

/**
 * The client as it is connected to us. What `X-Forwarded-For` says is the word of anybody. Throws HTTP_BODY_ABORTED when nobody knows it: its
 * connection was reset before we looked, so that its request comes again, and could not be told from another one then.
 */
export function addressOf({ socket }: IncomingMessage): Sender {
  if (socket.remoteAddress !== undefined) return { kind: 'address', value: socket.remoteAddress }
  throw new SidecarError('HTTP_BODY_ABORTED', 'The client went away before its request was looked at.')
}

/**
 * Equal for a request and its retry: shippers retry with the same bytes and headers (seen with Fluent Bit 5.1.1, also with gzip).
 *
 * Everything that decides what is stored where is always part of it, and so is the body, also beside an `Idempotency-Key`: nobody
 * may be told that bytes are safe which were never stored. That header only stands in for the address, so that a retry through
 * another proxy is recognised. Each part has its length before it, so that no two lists of parts are one text.
 */
export function requestKey(
  request: IncomingMessage,
  sender: Sender,
  head: RequestHead,
  body: Buffer,
): RequestKey {
  const { path, tag, contentType, contentEncoding } = head
  const parts: Buffer[] = []
  for (const part of [sender.kind, sender.value, request.method, path, tag, contentType, contentEncoding]) {
    const bytes = part === undefined ? undefined : Buffer.from(part)
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(bytes?.length ?? -1)
    parts.push(length)
    if (bytes !== undefined) parts.push(bytes)
  }
  return sha256(parts, body).slice(0, keyDigits)
}

/** A small body is copied, since a hash in one call costs a fourth of one in several. */
function sha256(parts: readonly Buffer[], body: Buffer): string {
  if (body.length <= smallBodyBytes) return hash('sha256', Buffer.concat([...parts, body]), 'hex')
  return createHash('sha256').update(Buffer.concat(parts)).update(body).digest('hex')
}

/** The key of the n-th of several equal requests that are no retries of each other, from 0. */
export function variantOf(key: RequestKey, variant: number): RequestKey {
  if (variant === 0) return key
  return hash('sha256', `${key} ${variant}`, 'hex').slice(0, keyDigits)
}
