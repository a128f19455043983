import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  CLOSER_OFFSET,
  COLON,
  COMMA,
  isWhitespace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  trimEnd,
} from './bytes.ts'
import { parseErrorOf } from './json-problem.ts'
import { decodeLimits } from './limits.ts'

/** Members of an array up to its `]`, or objects one after the other. */
export type Shape = 'array' | 'concatenated'

/** The first record from which everything is well formed, or -1, and the byte left of it that no longer fits. */
export type CleanTail = { readonly start: number; readonly stoppedAt: number }

/**
 * Where reading can go on after damage: the first record after `start` from which everything up to `end` is well formed.
 *
 * Reading forwards from damage is guesswork: after a lost quote, text and strings have changed places. So this reads backwards
 * from the end, where the structure is known, and stops at the first thing that does not fit. A record counts when it is a member of
 * the array itself, directly after a comma; objects nested in a damaged record are never taken for records. One pass, no
 * recursion. Like the scanner it looks at brackets and strings only, not at tokens.
 */
export function findCleanTail(body: Buffer, start: number, end: number, shape: Shape): CleanTail {
  const isArray = shape === 'array'
  let offset = trimEnd(body, start, end) - 1
  if (isArray && body[offset] !== CLOSE_BRACKET) return { start: -1, stoppedAt: offset }
  if (isArray) offset -= 1
  /** The opening brackets that are still to come, the innermost last. */
  const openers: number[] = []
  /** What ends the members of the array, the last one first. */
  const separators = [offset + 1]
  /** The significant byte to the right of `offset`, and where it is. */
  let right = isArray ? CLOSE_BRACKET : OPEN_BRACE
  let rightOffset = -1
  let found = -1
  for (; offset > start; offset -= 1) {
    const byte = body[offset] as number
    if (isWhitespace(byte)) continue
    const isTop = openers.length === 0
    const isBoundary = isTop && right === OPEN_BRACE && byte === (isArray ? COMMA : CLOSE_BRACE)
    if (isBoundary) found = rightOffset
    else if (byte === COMMA && isOpener(right) && openers.at(-1) === OPEN_BRACE) break
    else if (!mayStandSideBySide(byte, right) || (isTop && (byte === COLON || !isArray))) break
    if (byte === QUOTE) {
      const opening = findOpeningQuote(body, offset, start)
      if (opening < 0) break
      offset = opening
    } else if (isCloser(byte)) {
      if (openers.length === decodeLimits.depthMax) break
      openers.push(byte - CLOSER_OFFSET)
    } else if (isOpener(byte)) {
      if (isTop && byte === OPEN_BRACKET && areSound(body, offset, separators))
        return { start: -1, stoppedAt: offset }
      if (openers.pop() !== byte) break
    } else if (isTop && byte === COMMA) {
      separators.push(offset)
    }
    right = byte
    rightOffset = offset
  }
  return { start: found, stoppedAt: offset }
}

/** Whether two bytes, with only whitespace between them, can both be structure. Tokens other than strings are not looked at. */
function mayStandSideBySide(left: number, right: number): boolean {
  if (left === BACKSLASH) return false
  if (left === QUOTE && !(isCloser(right) || right === COMMA || right === COLON)) return false
  if (right === QUOTE) return isOpener(left) || left === COMMA || left === COLON
  if (isCloser(left)) return isCloser(right) || right === COMMA
  if (isOpener(right)) return left === OPEN_BRACKET || left === COMMA || left === COLON
  return true
}

/**
 * Whether an opening bracket at depth 0 begins another array than the one that was damaged, for example one inside the damaged
 * record: then all its members are valid. Else the bracket is part of the damage.
 */
function areSound(body: Buffer, bracket: number, separators: readonly number[]): boolean {
  let start = bracket + 1
  for (const end of separators.toReversed()) {
    if (parseErrorOf(body, start, end) !== undefined) return false
    start = end + 1
  }
  return true
}

function isOpener(byte: number): boolean {
  return byte === OPEN_BRACE || byte === OPEN_BRACKET
}

function isCloser(byte: number): boolean {
  return byte === CLOSE_BRACE || byte === CLOSE_BRACKET
}

/** A quote with an odd number of backslashes before it is escaped, and belongs to the string. */
function findOpeningQuote(body: Buffer, closingQuote: number, start: number): number {
  let offset = closingQuote - 1
  while (offset >= start) {
    if (body[offset] === QUOTE) {
      let backslashes = 0
      while (body[offset - 1 - backslashes] === BACKSLASH) backslashes += 1
      if (backslashes % 2 === 0) return offset
      offset -= backslashes
    }
    offset -= 1
  }
  return -1
}
