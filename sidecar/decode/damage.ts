import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  CLOSER_OFFSET,
  COLON,
  COMMA,
  isWhitespace,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipWhitespace,
} from './bytes.ts'
import { decodeLimits } from './limits.ts'

/** Where a value is damaged; of a sound one, where it ends. */
export type Damage = { readonly offset: number; readonly isSound: boolean }

/**
 * Where the value at `start`, which may be the member of an array, can no longer be JSON, whatever its tokens are: the bracket that
 * cannot stand there, or the quote that begins the first doubtful string. Up to there its brackets can be trusted, and what is nested
 * is known to be nested. `end` when it only has no end.
 */
export function findDamage(body: Buffer, start: number, end: number): Damage {
  const closers: number[] = []
  /** The byte before `offset` that is no whitespace. */
  let left = COMMA
  let offset = start
  while (offset < end) {
    const byte = body[offset] as number
    if (byte === QUOTE) {
      const stringEnd = endOfString(body, offset, end)
      if (!mayPrecedeString(left) || !mayFollowString(body, stringEnd, end)) return damagedAt(offset)
      offset = stringEnd - 1
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const mayOpen = left === COLON || (closers.at(-1) !== CLOSE_BRACE && mayPrecedeString(left))
      if (!mayOpen || closers.length === decodeLimits.depthMax) return damagedAt(offset)
      closers.push(byte + CLOSER_OFFSET)
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (closers.length === 0 && byte === CLOSE_BRACKET) return { offset, isSound: true }
      if (closers.pop() !== byte) return damagedAt(offset)
      if (closers.length === 0) return { offset: offset + 1, isSound: isMemberEnd(body, offset + 1, end) }
    } else if (byte === COMMA && closers.length === 0) {
      return { offset, isSound: true }
    }
    if (!isWhitespace(byte)) left = byte
    offset += 1
  }
  return damagedAt(end)
}

function damagedAt(offset: number): Damage {
  return { offset, isSound: false }
}

function isMemberEnd(body: Buffer, offset: number, end: number): boolean {
  const next = skipWhitespace(body, offset, end)
  return next === end || body[next] === COMMA || body[next] === CLOSE_BRACKET
}

function mayPrecedeString(byte: number): boolean {
  return byte === COMMA || byte === COLON || byte === OPEN_BRACE || byte === OPEN_BRACKET
}

/** `stringEnd` is -1 for a string that a line break cuts, or that has no end. */
function mayFollowString(body: Buffer, stringEnd: number, end: number): boolean {
  if (stringEnd < 0) return false
  const byte = body[skipWhitespace(body, stringEnd, end)]
  return byte === COMMA || byte === COLON || byte === CLOSE_BRACE || byte === CLOSE_BRACKET
}

function endOfString(body: Buffer, quote: number, end: number): number {
  for (let offset = quote + 1; offset < end; offset += 1) {
    const byte = body[offset]
    if (byte === QUOTE) return offset + 1
    if (byte === LINE_FEED) return -1
    if (byte === BACKSLASH) offset += 1
  }
  return -1
}
