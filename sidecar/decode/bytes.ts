/** The bytes that JSON and newline-delimited JSON are made of. */
export const NUL = 0x00
export const LINE_FEED = 0x0a
export const CARRIAGE_RETURN = 0x0d
export const SPACE = 0x20
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_BRACKET = 0x5b
export const BACKSLASH = 0x5c
export const CLOSE_BRACKET = 0x5d
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d

/** In ASCII both closing brackets lie two above their opening ones. */
export const CLOSER_OFFSET = CLOSE_BRACE - OPEN_BRACE

/** Whitespace as JSON knows it; U+00A0 and the like are not. */
export function isWhitespace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === 0x09
}

/** The first offset from `start` on that holds no whitespace, or `end`. */
export function skipWhitespace(body: Buffer, start: number, end: number): number {
  let offset = start
  while (offset < end && isWhitespace(body[offset])) offset += 1
  return offset
}

/** As `skipWhitespace`, but commas are skipped too: what may stand between records. */
export function skipSeparators(body: Buffer, start: number, end: number): number {
  let offset = start
  while (offset < end && (isWhitespace(body[offset]) || body[offset] === COMMA)) offset += 1
  return offset
}

/** `end` moved back over whitespace, not beyond `start`. */
export function trimEnd(body: Buffer, start: number, end: number): number {
  let offset = end
  while (offset > start && isWhitespace(body[offset - 1])) offset -= 1
  return offset
}

/**
 * Finds a byte or a sequence again and again from growing offsets. What was found is remembered, so that all calls together
 * look at each byte once.
 */
export class Finder {
  readonly #body: Buffer
  readonly #wanted: number | string
  #found = -1

  constructor(body: Buffer, wanted: number | string) {
    this.#body = body
    this.#wanted = wanted
  }

  /** The first offset from `start` on that holds it, or the length of the body. `start` must not shrink between calls. */
  next(start: number): number {
    if (this.#found >= start) return this.#found
    const found = this.#body.indexOf(this.#wanted, start, 'latin1')
    this.#found = found < 0 ? this.#body.length : found
    return this.#found
  }
}
