import type { BodyReading } from './body-reading.ts'
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  isWhitespace,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  skipSeparators,
  skipWhitespace,
  trimEnd,
} from './bytes.ts'
import { readArray } from './json-array.ts'
import { decodeLimits } from './limits.ts'
import { BYTE_ORDER_MARK_BYTES, isByteOrderMark } from './unicode.ts'

/**
 * Reads a body line by line from `start` on.
 *
 * A line that is one object is the common case. Other lines are read value by value: objects one after the other, arrays, and
 * values that go on over the following lines. A line of which this makes no sense either is bad, alone.
 */
export function readLines(reading: BodyReading, start: number): void {
  const { body, rejections, lineFeeds } = reading
  let offset = start
  while (offset < body.length && !rejections.isFull) {
    offset = readObjectLines(reading, offset)
    if (offset < body.length) offset = readLine(reading, offset, lineFeeds.next(offset))
  }
  if (offset < body.length) rejections.addRest(offset, reading.isInArray)
}

/** Reads lines that are one valid object each, and nothing else: the common case. Returns where the first other one begins. */
function readObjectLines(reading: BodyReading, start: number): number {
  const { body } = reading
  let offset = start
  while (body[offset] === OPEN_BRACE) {
    const end = reading.endOfObject(offset)
    if (end < 0) return offset
    if (body[end] === LINE_FEED || end === body.length) {
      reading.acceptObject(offset, end)
      offset = end + 1
    } else if (body[end] === CARRIAGE_RETURN && body[end + 1] === LINE_FEED) {
      reading.acceptObject(offset, end)
      offset = end + 2
    } else return offset
  }
  return offset
}

/**
 * Each line is tried as one object only once, however many values it holds, so that the work stays linear. A long line is not tried:
 * it goes through the scanner, which bounds the depth.
 */
function readLine(reading: BodyReading, start: number, lineEnd: number): number {
  const first = skipSeparators(reading.body, start, lineEnd)
  if (first === lineEnd) return lineEnd + 1
  const end = trimEnd(reading.body, first, lineEnd)
  if (!mayBeObject(reading.body, first, end) || reading.problemOf(first, end) !== undefined) {
    return readValues(reading, first, lineEnd)
  }
  reading.accept(first, end)
  return lineEnd + 1
}

function mayBeObject(body: Buffer, start: number, end: number): boolean {
  const isShort = end - start <= decodeLimits.unmeasuredValueMaxBytes
  return isShort && body[start] === OPEN_BRACE && body[end - 1] === CLOSE_BRACE
}

/** Reads values until the line is used up, or one of them ends on a later line. Returns where to go on. */
function readValues(reading: BodyReading, start: number, lineEnd: number): number {
  const { body, rejections } = reading
  let offset = start
  while (offset <= lineEnd && !rejections.isFull) {
    const first = skipSeparators(body, offset, lineEnd)
    if (first === lineEnd) return lineEnd + 1
    const byte = body[first]
    if (byte === OPEN_BRACE) offset = readObject(reading, first, lineEnd)
    else if (byte === OPEN_BRACKET) offset = readArray(reading, first)
    else if (byte === CLOSE_BRACKET && reading.hasOpenArray) {
      reading.hasOpenArray = false
      offset = first + 1
    } else if (isByteOrderMark(body, first)) {
      offset = first + BYTE_ORDER_MARK_BYTES
    } else {
      offset = readOther(reading, first, lineEnd)
    }
  }
  return offset
}

/**
 * What is left of a line and begins with no bracket: text, or a number or string as the whole line. After a string that a line break
 * cut, it is the rest of that string, and sound objects may follow it.
 */
function readOther(reading: BodyReading, start: number, lineEnd: number): number {
  const { body } = reading
  const end = trimEnd(body, start, lineEnd)
  const valueEnd = body[end - 1] === COMMA ? trimEnd(body, start, end - 1) : end
  const problem = reading.problemOf(start, endOfScalar(body, start, valueEnd))
  if (problem === undefined) {
    reading.accept(start, valueEnd)
    return lineEnd + 1
  }
  const next = nextObject(reading, start, lineEnd)
  reading.rejections.addNotJson(start, next > start ? next : end, problem)
  return next > start ? next : lineEnd + 1
}

/**
 * How much has to be parsed to know whether everything up to `end` is one string, number or literal: not the whole rest of a long line again
 * for each piece of text in it.
 */
function endOfScalar(body: Buffer, start: number, end: number): number {
  let offset = start
  if (body[start] === QUOTE) {
    do offset += body[offset] === BACKSLASH ? 2 : 1
    while (offset < end && body[offset] !== QUOTE)
  } else {
    while (offset < end && !isWhitespace(body[offset]) && !isStructure(body[offset])) offset += 1
  }
  const next = skipWhitespace(body, body[start] === QUOTE ? offset + 1 : offset, end)
  return Math.min(next + 1, end)
}

function isStructure(byte: number | undefined): boolean {
  return byte === OPEN_BRACE || byte === OPEN_BRACKET || byte === QUOTE
}

/** The next sound object of the line behind text; an offset before `start` when what follows is part of the text. */
function nextObject(reading: BodyReading, start: number, lineEnd: number): number {
  const { finder, records } = reading
  const range = { from: start, last: lineEnd - 1, end: lineEnd }
  if (reading.isInLine(start)) return finder.find('stream', range, [records.lastStart])
  const tail = reading.isInCutString ? reading.cleanTail(start, lineEnd, 'concatenated') : -1
  // One object behind text is part of a line of text, as programs log it; two are records with something before them.
  const first = finder.find('text', range, [records.lastStart])
  return first < 0 || (tail > start && tail < first) ? tail : first
}

function readObject(reading: BodyReading, start: number, lineEnd: number): number {
  const { scanner } = reading
  const checked = reading.endOfObject(start)
  if (checked >= 0 && reading.body[checked] === OPEN_BRACE) {
    reading.acceptObject(start, checked)
    return checked
  }
  const end = scanner.scanValue(start, reading.scanLimit(lineEnd))
  if (end < 0) {
    reading.chargeScan(lineEnd)
    reading.isInCutString = scanner.stoppedAtLineBreak
    return recover(reading, start, lineEnd, scanner.problem)
  }
  if (end < lineEnd && !mayFollow(reading, end, lineEnd) && !isFollowedByText(reading, start, end, lineEnd)) {
    return recover(reading, start, lineEnd, `something follows the object that ends at byte ${end}`)
  }
  const problem = reading.problemOf(start, end)
  if (problem === undefined) {
    reading.accept(start, end)
    return end
  }
  const next = reading.nextRecord(start, lineEnd, 'concatenated')
  if (next > start && next < end) return recover(reading, start, lineEnd, problem)
  reading.rejections.addNotJson(start, end, problem)
  return end
}

/** Sets aside what is damaged from `start` on: up to the next sound object of the line, or else to the end of the line. */
function recover(reading: BodyReading, start: number, lineEnd: number, problem: string): number {
  const { body, rejections } = reading
  const next = reading.nextRecord(start, lineEnd, 'concatenated')
  if (next > start) {
    rejections.addNotJson(start, next, problem)
    return next
  }
  // A brace alone on its line begins an object that is written over several lines.
  const isBraceAlone = skipWhitespace(body, start + 1, lineEnd) === lineEnd
  const end = isBraceAlone ? reading.endOfIndentedPiece(start) : lineEnd
  rejections.addNotJson(start, end, problem)
  return end
}

/**
 * Whether what follows an object stands between records, and is no part of this one: it holds no closing bracket, and there is another record
 * on the line, behind it or before this one.
 */
function isFollowedByText(reading: BodyReading, start: number, end: number, lineEnd: number): boolean {
  const range = { from: end, last: lineEnd - 1, end: lineEnd }
  const next = reading.finder.find('stream', range, [start])
  if (next < 0 && !reading.isInLine(start)) return false
  const between = reading.body.subarray(end, next < 0 ? lineEnd : next)
  return !between.includes(CLOSE_BRACE) && !between.includes(CLOSE_BRACKET)
}

/** An object may be followed by another value, a separator or, in files put together, a byte order mark. Else it is more likely a fragment of a damaged record. */
function mayFollow(reading: BodyReading, end: number, lineEnd: number): boolean {
  const next = skipSeparators(reading.body, end, lineEnd)
  const byte = reading.body[next]
  return (
    next === lineEnd ||
    byte === OPEN_BRACE ||
    byte === OPEN_BRACKET ||
    (byte === CLOSE_BRACKET && reading.hasOpenArray) ||
    isByteOrderMark(reading.body, next)
  )
}
