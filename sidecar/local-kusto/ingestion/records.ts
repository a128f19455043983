/** Splits the content of a blob into the texts of its records. */
import { endOfValue, isJson, itemsOf, skipSpace } from '../engine/json-text.ts'
import { IngestionError } from './outcome.ts'

/** A record or value over 64 MB fails the ingestion. */
const maxRecordLength = 64 * 1024 * 1024

/** `multijson` has no record boundary that can be found without parsing, so the blob is held whole. */
const maxMultiJsonLength = 256 * 1024 * 1024

/** What was read so far; `lineNumber` of the record in hand. */
export type RecordText = { readonly text: string; readonly lineNumber: number }

/**
 * `json`: one object a line. A line that is no JSON object is left out without an error, as the real service does. `multijson`:
 * objects one after the other or in arrays, over any lines; one mistake fails the blob with BadRequest_InvalidBlob.
 */
export function readRecords(
  format: 'json' | 'multijson',
  pieces: AsyncIterable<Buffer>,
): AsyncGenerator<RecordText> {
  return format === 'json' ? readJsonLines(pieces) : readMultiJson(pieces)
}

async function* readJsonLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<RecordText> {
  let lineNumber = 0
  for await (const line of readLines(decode(pieces))) {
    if (isObject(line)) yield { text: line, lineNumber }
    lineNumber += 1
  }
}

async function* readMultiJson(pieces: AsyncIterable<Buffer>): AsyncGenerator<RecordText> {
  let text = ''
  for await (const piece of decode(pieces)) {
    text += piece
    if (text.length > maxMultiJsonLength) {
      throw new IngestionError('BadRequest_FileTooLarge', 'The local Kusto takes multijson up to 256 MB.')
    }
  }
  let lineNumber = 0
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const end = endOfValue(text, at)
    const value = text.slice(at, end)
    if (end === at || !isJson(value)) throw invalidBlob()
    for (const item of itemsOf(value) ?? [value]) {
      if (!item.startsWith('{')) throw invalidBlob()
      yield { text: item, lineNumber }
      lineNumber += 1
    }
    at = end
  }
}

function invalidBlob(): IngestionError {
  return new IngestionError('BadRequest_InvalidBlob', 'The blob is not JSON objects throughout.')
}

function isObject(line: string): boolean {
  return line.charCodeAt(skipSpace(line, 0)) === 0x7b && isJson(line)
}

/** Bytes that are not UTF-8 become U+FFFD. */
async function* decode(pieces: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const piece of pieces) yield decoder.decode(piece, { stream: true })
  yield decoder.decode()
}

async function* readLines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let parts: string[] = []
  let length = 0
  for await (const piece of pieces) {
    let start = 0
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', start)) {
      parts.push(piece.slice(start, end))
      yield parts.join('')
      parts = []
      length = 0
      start = end + 1
    }
    parts.push(piece.slice(start))
    length += piece.length - start
    if (length > maxRecordLength)
      throw new IngestionError('Stream_InputStreamTooLarge', 'A record is over 64 MB.')
  }
  yield parts.join('')
}
