import { isAscii } from 'node:buffer'
import { COMMA, OPEN_BRACE, OPEN_BRACKET, skipWhitespace } from '../bytes.ts'
import { describeParseError, parseErrorOf } from '../json-problem.ts'
import { decodeLimits } from '../limits.ts'
import { JsonCursor, type Range } from './json-cursor.ts'
import { readScope, writeJsonRecord, writeResourceAttributes } from './json-record.ts'
import { isName } from './json-values.ts'
import type { OtlpReading } from './reading.ts'
import { OtlpError } from './wire.ts'

/** What a reader leaves unread of a value, as JSON; undefined when it has read to the end. */
type Rest = Buffer | undefined

/** Integers of so many digits may be over 2^53. In a string, such digits do no harm here. */
const mayHoldLargeInteger = /[:,[\s]-?\d{16}/

/**
 * Reads an ExportLogsServiceRequest in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), with names in lowerCamelCase
 * or as in the .proto files. Only one record at a time is parsed. A record that is not valid is rejected alone. Of a body that was cut
 * off the whole records are kept. Integers of 64 bits
 * are exact, both as strings, which is what OTLP demands, and as numbers.
 *
 * Throws OtlpError when the text as a whole is no such request.
 */
export function readJson(reading: OtlpReading): void {
  const { body } = reading
  const cursor = new JsonCursor(body)
  const hasByteOrderMark = body.readUIntBE(0, Math.min(3, body.length)) === 0xefbbbf
  const request = cursor.valueAt(hasByteOrderMark ? 3 : 0, true)
  const { found, others } = pick(cursor, request, ['resourceLogs'])
  if (found['resourceLogs'] === undefined && others > 0) throw new OtlpError('it has no resourceLogs')
  const rest = eachElement(reading, cursor, found['resourceLogs'], true, (resourceLogs) =>
    readResourceLogs(reading, cursor, resourceLogs),
  )
  if (rest !== undefined) reading.rejectRest(wrap(reading, [['resourceLogs', rest]]))
  if (cursor.isCut) reading.noteCut(request.start, request.start + 1)
  const after = skipWhitespace(body, request.end, body.length)
  if (after < body.length) reading.reject(after, body.length, 'it follows the end of the request')
}

function readResourceLogs(reading: OtlpReading, cursor: JsonCursor, element: Range): Rest {
  reading.countContainer()
  const { found } = pick(cursor, element, ['resource', 'scopeLogs'])
  const resource = found['resource']
  const parsed = resource === undefined ? {} : parse(reading.body, resource)
  const attributes = reading.textOf((writer) => writeResourceAttributes(writer, parsed))
  const rest = eachElement(reading, cursor, found['scopeLogs'], true, (scopeLogs) =>
    readScopeLogs(reading, cursor, scopeLogs, attributes),
  )
  return (
    rest &&
    wrap(reading, [
      ['resource', bytesOf(reading.body, resource)],
      ['scopeLogs', rest],
    ])
  )
}

function readScopeLogs(reading: OtlpReading, cursor: JsonCursor, element: Range, attributes: Buffer): Rest {
  reading.countContainer()
  const { body, writer } = reading
  const { found } = pick(cursor, element, ['scope', 'logRecords'])
  const scope = found['scope']
  const members = readScope(scope === undefined ? {} : parse(body, scope))
  const rest = eachElement(reading, cursor, found['logRecords'], false, (record) => {
    const isTaken = reading.take(record.start, record.end, () =>
      writeJsonRecord(writer, parse(body, record), attributes, members),
    )
    return isTaken ? undefined : reading.restFrom(record.start, record.end)
  })
  return (
    rest &&
    wrap(reading, [
      ['scope', bytesOf(body, scope)],
      ['logRecords', rest],
    ])
  )
}

/** Reads the elements of an array. Stops when one of them leaves a rest, and gives all that is then unread. */
function eachElement(
  reading: OtlpReading,
  cursor: JsonCursor,
  array: Range | undefined,
  mayBeCut: boolean,
  read: (element: Range) => Rest,
): Rest {
  if (array === undefined) return undefined
  const { body } = reading
  const opening = Buffer.from([OPEN_BRACKET])
  let next = array.start
  try {
    for (const element of cursor.elements(array, mayBeCut)) {
      if (reading.isOverAt(element.start))
        return Buffer.concat([opening, reading.restFrom(element.start, array.end)])
      const rest = orReject(reading, element, read)
      if (rest !== undefined)
        return Buffer.concat([opening, rest, reading.closing(body.subarray(element.end, array.end))])
      next = element.end
    }
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error
    reading.reject(next, array.end, error.message)
  }
  return undefined
}

function orReject(reading: OtlpReading, element: Range, read: (element: Range) => Rest): Rest {
  try {
    return read(element)
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error
    reading.reject(element.start, element.end, error.message)
    return undefined
  }
}

/** The members with these names, unless null, and how many others there are. A name twice is an error: both may hold records. */
function pick<Name extends string>(
  cursor: JsonCursor,
  object: Range,
  names: readonly Name[],
): { found: Partial<Record<Name, Range>>; others: number } {
  const found: Partial<Record<Name, Range>> = {}
  let others = 0
  for (const { name, value, isNull } of cursor.members(object)) {
    const known = names.find((candidate) => isName(name, candidate))
    if (known === undefined) others += 1
    else if (found[known] !== undefined) throw new OtlpError(`it has ${known} twice`)
    else if (!isNull) found[known] = value
  }
  return { found, others }
}

/** Parses a part of the body. Numbers that a double cannot hold become bigints. Throws OtlpError. */
function parse(body: Buffer, { start, end }: Range): unknown {
  if (end - start > decodeLimits.unmeasuredValueMaxBytes && holdsTooMuch(body, start, end))
    throw new OtlpError(`it holds more than ${decodeLimits.valuesMax} values`)
  const text = body.toString('utf8', start, end)
  try {
    return mayHoldLargeInteger.test(text) ? JSON.parse(text, keepLargeInteger) : JSON.parse(text)
  } catch (error) {
    // In ASCII the positions are offsets; else they are looked for again.
    const problem = isAscii(body.subarray(start, end)) ? error : parseErrorOf(body, start, end)
    throw new OtlpError(`it is not valid JSON: ${describeParseError(problem, start)}`)
  }
}

/** Counts commas and braces, in strings too: the limit is far above any log record. */
function holdsTooMuch(body: Buffer, start: number, end: number): boolean {
  let count = 0
  for (let offset = start; offset < end; offset += 1) {
    const byte = body[offset]
    if (byte === COMMA || byte === OPEN_BRACE || byte === OPEN_BRACKET) count += 1
  }
  return count > decodeLimits.valuesMax
}

function keepLargeInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d{16,24}$/.test(source) ? BigInt(source) : value
}

/** An object of members that are JSON already; those that are empty are left out. */
function wrap(reading: OtlpReading, members: readonly (readonly [name: string, json: Buffer])[]): Buffer {
  const present = members.filter(([, json]) => json.length > 0)
  const parts = present.flatMap(([name, json], index) => [
    Buffer.from(`${index === 0 ? '{' : ','}"${name}":`),
    json,
  ])
  return Buffer.concat([...parts, reading.closing(Buffer.from('}'))])
}

function bytesOf(body: Buffer, range: Range | undefined): Buffer {
  return range === undefined ? Buffer.alloc(0) : body.subarray(range.start, range.end)
}
