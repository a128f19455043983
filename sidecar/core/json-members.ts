/**
 * Looks into JSON objects without parsing or copying their values. The text must be valid JSON; for any other the answers are wrong,
 * but every walk ends. No recursion: depth costs nothing.
 */

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const SPACE = 0x20

/** From `start` up to but not including `end`. */
export type ByteRange = { readonly start: number; readonly end: number }

/** A key to look for, in the two forms that comparing needs. */
export type MemberKey = { readonly text: string; readonly bytes: Buffer }

export function memberKey(text: string): MemberKey {
  return { text, bytes: Buffer.from(text) }
}

/** Walks over the members of objects in one buffer, duplicates included, in their order. Can be used for object after object. */
export class MemberCursor {
  /** The key between its quotes, with its escapes. */
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  /** Just behind the `{` or `,` before the member. */
  memberStart = 0
  /** The offset of the `,` or `}` behind the member; at the end of the walk that of the closing `}`. */
  memberEnd = 0
  readonly bytes: Buffer
  #limit = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Goes before the first member of the object that begins at `start`; whitespace may stand before it. */
  enter(start: number, limit: number): void {
    this.#limit = limit
    this.memberEnd = this.#skipSpace(start)
  }

  /** Goes to the next member; false when there is none. */
  next(): boolean {
    const { bytes } = this
    const delimiter = bytes[this.memberEnd]
    if (this.memberEnd >= this.#limit || (delimiter !== OPEN_BRACE && delimiter !== COMMA)) return false
    this.memberStart = this.memberEnd + 1
    const keyQuote = this.#skipSpace(this.memberStart)
    this.memberEnd = keyQuote
    if (bytes[keyQuote] !== QUOTE) return false
    this.keyStart = keyQuote + 1
    this.keyEnd = this.#closingQuote(this.keyStart)
    const colon = this.#skipSpace(this.keyEnd + 1)
    this.valueStart = this.#skipSpace(colon + 1)
    this.valueEnd = this.#endOfValue(this.valueStart)
    this.memberEnd = this.#skipSpace(this.valueEnd)
    return true
  }

  /** Whether the key of the member is this one; a key with escapes is compared by what it means. */
  keyIs({ text, bytes: wanted }: MemberKey): boolean {
    const { bytes, keyStart, keyEnd } = this
    const length = keyEnd - keyStart
    let index = 0
    while (index < length && index < wanted.length && bytes[keyStart + index] === wanted[index]) index += 1
    // An escape takes more bytes than what it means.
    if (length <= wanted.length) return index === length && length === wanted.length && !this.#hasEscapes()
    return this.#hasEscapes() && stringAt(bytes, keyStart - 1, keyEnd + 1) === text
  }

  #hasEscapes(): boolean {
    for (let offset = this.keyStart; offset < this.keyEnd; offset += 1) {
      if (this.bytes[offset] === BACKSLASH) return true
    }
    return false
  }

  #skipSpace(start: number): number {
    let offset = start
    // Of the bytes up to the space only whitespace can stand between tokens.
    while (offset < this.#limit && (this.bytes[offset] as number) <= SPACE) offset += 1
    return offset
  }

  #closingQuote(start: number): number {
    const { bytes } = this
    let offset = start
    while (offset < this.#limit) {
      const byte = bytes[offset]
      if (byte === QUOTE) return offset
      offset += byte === BACKSLASH ? 2 : 1
    }
    return this.#limit
  }

  #endOfValue(start: number): number {
    const { bytes } = this
    const first = bytes[start]
    if (first === QUOTE) return Math.min(this.#closingQuote(start + 1) + 1, this.#limit)
    let offset = start
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
      while (offset < this.#limit) {
        const byte = bytes[offset] as number
        if (byte === COMMA || byte === CLOSE_BRACE || byte <= SPACE) break
        offset += 1
      }
      return offset
    }
    let depth = 0
    while (offset < this.#limit) {
      const byte = bytes[offset]
      if (byte === QUOTE) offset = this.#closingQuote(offset + 1)
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1
        if (depth === 0) return offset + 1
      }
      offset += 1
    }
    return this.#limit
  }
}

/**
 * Where the value at the end of `path` is in the object between `start` and `limit`; undefined when it has none. Of duplicate keys
 * the last one counts, as with JSON.parse. Moves the cursor.
 */
export function findValue(
  cursor: MemberCursor,
  start: number,
  limit: number,
  path: readonly MemberKey[],
): ByteRange | undefined {
  let found: ByteRange = { start, end: limit }
  for (const key of path) {
    cursor.enter(found.start, found.end)
    let next: ByteRange | undefined
    while (cursor.next()) {
      if (cursor.keyIs(key)) next = { start: cursor.valueStart, end: cursor.valueEnd }
    }
    if (next === undefined) return undefined
    found = next
  }
  return found
}

type JsonType = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

const typeOfFirstByte: ReadonlyMap<number | undefined, JsonType> = new Map([
  [QUOTE, 'string'],
  [OPEN_BRACE, 'object'],
  [OPEN_BRACKET, 'array'],
  [0x74, 'boolean'], // true
  [0x66, 'boolean'], // false
  [0x6e, 'null'],
])

/** The type of the value that starts at `offset`. */
export function typeAt(bytes: Buffer, offset: number): JsonType {
  return typeOfFirstByte.get(bytes[offset]) ?? 'number'
}

/** The text of the JSON string between `start` and `end`, which include its quotes. Bytes that are not UTF-8 become U+FFFD. */
export function stringAt(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  return text.includes('\\') ? String(JSON.parse(text)) : text.slice(1, -1)
}
