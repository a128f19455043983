export const BYTE_ORDER_MARK_BYTES = 3

/** Whether a byte order mark of UTF-8 stands at `offset`. */
export function isByteOrderMark(body: Buffer, offset: number): boolean {
  return body[offset] === 0xef && body[offset + 1] === 0xbb && body[offset + 2] === 0xbf
}

/** Where the text begins. */
export function afterByteOrderMark(body: Buffer): number {
  return isByteOrderMark(body, 0) ? BYTE_ORDER_MARK_BYTES : 0
}

/**
 * The text of a body that begins with a byte order mark of UTF-16 (Windows tools write it so), as UTF-8, which is what Kusto reads.
 * Any other body as it is, also one that is not valid UTF-16.
 */
export function asUtf8(body: Buffer): Buffer {
  const encoding = utf16Of(body)
  if (encoding === undefined) return body
  try {
    return Buffer.from(new TextDecoder(encoding, { fatal: true }).decode(body))
  } catch {
    return body
  }
}

function utf16Of(body: Buffer): string | undefined {
  if (body[0] === 0xff && body[1] === 0xfe) return 'utf-16le'
  if (body[0] === 0xfe && body[1] === 0xff) return 'utf-16be'
  return undefined
}
