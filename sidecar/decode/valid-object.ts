/**
 * Checks JSON by its bytes (RFC 8259), with the verdict of JSON.parse and without making the values: this takes a little more than half the time of
 * JSON.parse, and leaves nothing for the garbage collector, which costs as much again. See decisions/0021.
 */
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
} from './bytes.ts'

/** Deeper objects are left to the scanner and JSON.parse. No log record comes near it. */
const depthMax = 512

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const TAB = 0x09
const LETTER_U = 0x75

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}

/** Bytes that need a look inside a string: the quote, the backslash, and control characters, which are not allowed there. */
const endsRun = tableOf('"\\').fill(1, 0, 0x20)
const escapes = tableOf('"\\/bfnrt')
const hexDigits = tableOf('0123456789abcdefABCDEF')
const digits = tableOf('0123456789')

/** The bytes of a body, and the same memory four bytes at a time. */
export type Checked = {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  /** What has to be added to an offset in `bytes` for one in the memory. */
  readonly shift: number
}

export function checked(bytes: Uint8Array): Checked {
  const { buffer, byteOffset, byteLength } = bytes
  // Whole words below the end, so that nothing behind it is read.
  return { bytes, words: new Int32Array(buffer, 0, (byteOffset + byteLength) >> 2), shift: byteOffset }
}

/** For each open level whether it is an object. */
const levels = new Uint8Array(depthMax)

/**
 * The end (exclusive) of the object that starts at `start` with a brace. When there is no valid object without a raw line break between its tokens, it is negative: `~offset` of about where that showed.
 */
export function endOfObject(body: Checked, start: number): number {
  const { bytes } = body
  let offset = start + 1
  let depth = 0
  let isObject = true
  /** The bracket before `offset` has just opened, so that it may close. */
  let isEmpty = true
  for (;;) {
    offset = skipBlanks(bytes, offset)
    let byte = bytes[offset] as number
    const closes = isEmpty && byte === (isObject ? CLOSE_BRACE : CLOSE_BRACKET)
    if (!closes) {
      if (isObject) {
        if (byte !== QUOTE) return ~offset
        offset = endOfKey(body, offset + 1)
        if (offset < 0) return offset
        byte = bytes[offset] as number
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === depthMax) return ~offset
        levels[depth] = isObject ? 1 : 0
        depth += 1
        isObject = byte === OPEN_BRACE
        isEmpty = true
        offset += 1
        continue
      }
      offset = byte === QUOTE ? endOfString(body, offset + 1) : endOfScalar(bytes, offset)
      if (offset < 0) return offset
    }
    // Behind a value: a comma, or the ends of one or more levels.
    for (;;) {
      offset = skipBlanks(bytes, offset)
      const next = bytes[offset] as number
      offset += 1
      if (next === COMMA) break
      if (next !== (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) return ~offset
      if (depth === 0) return offset
      depth -= 1
      isObject = levels[depth] === 1
    }
    isEmpty = false
  }
}

/** Not over line breaks: whatever goes on over several lines is left to others. */
function skipBlanks(bytes: Uint8Array, start: number): number {
  let offset = start
  for (let byte = bytes[offset]; byte === SPACE || byte === TAB; byte = bytes[offset]) offset += 1
  return offset
}

/** Where the value of the member begins whose key has its opening quote before `start`; else negative, as in all here. */
function endOfKey(body: Checked, start: number): number {
  const { bytes } = body
  let offset = endOfString(body, start)
  if (offset < 0) return offset
  offset = skipBlanks(bytes, offset)
  return bytes[offset] === COLON ? skipBlanks(bytes, offset + 1) : ~offset
}

/** The offset behind the closing quote. */
function endOfString(body: Checked, start: number): number {
  const { bytes, words, shift } = body
  const limit = bytes.length
  let offset = start
  for (;;) {
    while (((offset + shift) & 3) !== 0 && endsRun[bytes[offset] as number] === 0) offset += 1
    if (((offset + shift) & 3) === 0) {
      // Most of a log is text.
      let index = (offset + shift) >> 2
      while (index < words.length && isPlain(words[index] as number)) index += 1
      offset = (index << 2) - shift
      while (endsRun[bytes[offset] as number] === 0) offset += 1
    }
    if (offset >= limit) return ~limit
    const byte = bytes[offset] as number
    if (byte === QUOTE) return offset + 1
    if (byte !== BACKSLASH) return ~offset
    offset = endOfEscape(bytes, offset + 1)
    if (offset < 0) return offset
  }
}

/**
 * Whether none of four bytes ends a run: a quote, a backslash, or one below 0x20. `(x - 0x01010101) & ~x & 0x80808080` is not 0 exactly when one
 * byte of x is 0 (Warren, Hacker's Delight, 6-1); with 0x20202020 instead, when one is below 0x20.
 */
function isPlain(word: number): boolean {
  const quotes = word ^ 0x22222222
  const backslashes = word ^ 0x5c5c5c5c
  return (
    ((((quotes - 0x01010101) & ~quotes) |
      ((backslashes - 0x01010101) & ~backslashes) |
      ((word - 0x20202020) & ~word)) &
      0x80808080) ===
    0
  )
}

function endOfEscape(bytes: Uint8Array, start: number): number {
  const byte = bytes[start] as number
  if (escapes[byte] === 1) return start + 1
  if (byte !== LETTER_U) return ~start
  for (let offset = start + 1; offset <= start + 4; offset += 1)
    if (hexDigits[bytes[offset] as number] !== 1) return ~offset
  return start + 5
}

/** The end of the number or the literal that starts at `start`. */
function endOfScalar(bytes: Uint8Array, start: number): number {
  switch (bytes[start] as number) {
    case 0x74:
      return isText(bytes, start, 'true') ? start + 4 : ~start
    case 0x66:
      return isText(bytes, start, 'false') ? start + 5 : ~start
    case 0x6e:
      return isText(bytes, start, 'null') ? start + 4 : ~start
    default:
      return endOfNumber(bytes, start)
  }
}

function isText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1)
    if (bytes[start + index] !== text.charCodeAt(index)) return false
  return true
}

function endOfNumber(bytes: Uint8Array, start: number): number {
  let offset = bytes[start] === MINUS ? start + 1 : start
  if (bytes[offset] === 0x30) offset += 1
  else {
    offset = endOfDigits(bytes, offset)
    if (offset < 0) return offset
  }
  if (bytes[offset] === POINT) {
    offset = endOfDigits(bytes, offset + 1)
    if (offset < 0) return offset
  }
  if (bytes[offset] === 0x65 || bytes[offset] === 0x45) {
    offset += 1
    if (bytes[offset] === PLUS || bytes[offset] === MINUS) offset += 1
    offset = endOfDigits(bytes, offset)
  }
  return offset
}

/** Behind at least one digit. */
function endOfDigits(bytes: Uint8Array, start: number): number {
  let offset = start
  while (digits[bytes[offset] as number] === 1) offset += 1
  return offset === start ? ~start : offset
}
