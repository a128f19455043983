import { SidecarError } from '../core/errors.ts'
import type { Decode } from '../core/ports.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { BodyReading } from './body-reading.ts'
import { OPEN_BRACKET, skipWhitespace } from './bytes.ts'
import { isLinesOfJson, isText } from './content-type.ts'
import { withLineFeeds } from './line-ends.ts'
import { decodeMsgpack, looksLikeMsgpack } from './msgpack/msgpack.ts'
import { readLines } from './ndjson.ts'
import { decodeOtlp } from './otlp/otlp.ts'
import { readText } from './text.ts'
import { afterByteOrderMark, asUtf8 } from './unicode.ts'
import { describeUnreadable } from './unreadable.ts'

/**
 * Turns a body into records. The path says what is OTLP; everything else is told by its content: msgpack as Fluent Bit sends it, and
 * JSON, whatever its Content-Type says: an array, one object (on one line or several), newline-delimited JSON with any
 * line ends, and objects one after the other with nothing, whitespace, a comma or a NUL between them. An array as a line gives its
 * members. A byte order mark is skipped, and UTF-16 with one is read as well.
 *
 * Each record of JSON is checked by JSON.parse and kept as the bytes that were sent. A record that is bad is set aside with its reason, and
 * its neighbours are kept; or it becomes a record of text if `wrapText` wants it. The block may be a view of the body, which may then have been
 * written over, and the rejected pieces of JSON always are, except of UTF-16.
 *
 * Throws SidecarError DECODE_EMPTY for a body of whitespace, and DECODE_UNREADABLE when there is not one record, except in `[]`.
 */
export const decode: Decode = (received, { contentType, isOtlp, records }) => {
  if (isOtlp && !isLinesOfJson(contentType)) return decodeOtlp(received, contentType)
  if (looksLikeMsgpack(received)) return decodeMsgpack(received, records.dateKey)
  const original = asUtf8(received)
  const body = withLineFeeds(original)
  const firstLine = afterByteOrderMark(body)
  const start = skipWhitespace(body, firstLine, body.length)
  if (start === body.length) throw new SidecarError('DECODE_EMPTY', 'The body is empty: it holds no record.')

  const isTextWelcome = mayBeText(records, contentType)
  // One bad line shows that the lines are text. Of an array the records are wanted, beside those that are bad.
  const rejectedMaxCount = isTextWelcome && body[start] !== OPEN_BRACKET ? 1 : undefined
  const reading = new BodyReading(body, original, rejectedMaxCount)
  readLines(reading, start)

  const { list: rejected } = reading.rejections
  const isReadable = reading.records.recordsCount > 0 || (reading.sawClosedArray && rejected.length === 0)
  if ((rejected.length > 0 || !isReadable) && isTextWelcome) {
    const decoded = readText(reading, firstLine, records)
    if (decoded.block.ends.length === 0) throw describeUnreadable(body, start, decoded.rejected)
    return decoded
  }
  if (!isReadable) throw describeUnreadable(body, start, rejected)
  // What was rejected is a view of the body too, and must stay as it is.
  return { block: reading.records.build(rejected.length === 0), rejected }
}

function mayBeText({ wrapText }: RecordSettings, contentType: string | undefined): boolean {
  return wrapText === 'always' || (wrapText === 'content_type' && isText(contentType))
}
