import { SidecarError } from '../core/errors.ts'
import type { Decode } from '../core/ports.ts'
import { BodyReading } from './body-reading.ts'
import { skipWhitespace } from './bytes.ts'
import { readLines } from './ndjson.ts'
import { describeUnreadable } from './unreadable.ts'

/**
 * Turns a body into records, whatever its Content-Type says: a JSON array, one object (on one line or several), newline-delimited
 * JSON with any line ends, and objects one after the other with nothing, whitespace or a comma between them. An array as a line gives
 * its members. A byte order mark at the start is skipped.
 *
 * Each record is checked by JSON.parse and kept as the bytes that were sent. A record that is bad is set aside with its reason, and
 * its neighbours are kept. The block may be a view of the body, and the rejected pieces always are.
 *
 * Throws SidecarError DECODE_EMPTY for a body of whitespace, and DECODE_UNREADABLE when there is not one record, except in `[]`.
 */
export const decode: Decode = (body) => {
  const start = skipWhitespace(body, hasByteOrderMark(body) ? 3 : 0, body.length)
  if (start === body.length) throw new SidecarError('DECODE_EMPTY', 'The body is empty: it holds no record.')

  const reading = new BodyReading(body)
  readLines(reading, start)

  const { records, rejections, sawClosedArray } = reading
  const isEmptyArray = sawClosedArray && rejections.list.length === 0
  if (records.recordsCount === 0 && !isEmptyArray) throw describeUnreadable(body, start, rejections.list)
  return { block: records.build(), rejected: rejections.list }
}

function hasByteOrderMark(body: Buffer): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
}
