import {
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  isWhitespace,
  LINE_FEED,
  NUL,
  OPEN_BRACE,
  OPEN_BRACKET,
} from './bytes.ts'

/**
 * The body with line feeds where others end lines: a NUL after or before a value with brackets (Vector ends each record of its
 * `gelf` codec with one), and a carriage return in a body without any line feed. Other NULs are left: they are damage, as in a string.
 * The result has the same length; it is the body itself when there is nothing to replace.
 */
export function withLineFeeds(body: Buffer): Buffer {
  return withoutNulSeparators(withoutLoneCarriageReturns(body))
}

/** In valid JSON they stand only between tokens, where a line feed means the same. */
function withoutLoneCarriageReturns(body: Buffer): Buffer {
  if (!body.includes(CARRIAGE_RETURN) || body.includes(LINE_FEED)) return body
  const result = Buffer.from(body)
  for (
    let offset = result.indexOf(CARRIAGE_RETURN);
    offset >= 0;
    offset = result.indexOf(CARRIAGE_RETURN, offset)
  )
    result[offset] = LINE_FEED
  return result
}

function withoutNulSeparators(body: Buffer): Buffer {
  if (!body.includes(NUL)) return body
  const result = Buffer.from(body)
  /** Whether a value may end before `offset`. */
  let isAfterValue = false
  for (let offset = 0; offset < body.length;) {
    const end = skipFiller(body, offset)
    if (end > offset && (isAfterValue || mayBeginValue(body, end))) replaceNuls(result, offset, end)
    const byte = body[end]
    isAfterValue = byte === CLOSE_BRACE || byte === CLOSE_BRACKET
    offset = end + 1
  }
  return result
}

function skipFiller(body: Buffer, start: number): number {
  let offset = start
  while (body[offset] === NUL || isWhitespace(body[offset])) offset += 1
  return offset
}

function mayBeginValue(body: Buffer, offset: number): boolean {
  const byte = body[offset]
  return byte === undefined || byte === OPEN_BRACE || byte === OPEN_BRACKET
}

function replaceNuls(result: Buffer, start: number, end: number): void {
  for (let offset = start; offset < end; offset += 1) if (result[offset] === NUL) result[offset] = LINE_FEED
}
