import { SidecarError } from '../core/errors.ts'
import type { RejectedRecord } from '../core/ports.ts'
import { OPEN_BRACE, OPEN_BRACKET } from './bytes.ts'

/** First bytes of formats that are sent by mistake, or without their header. */
const knownStarts: readonly { readonly bytes: readonly number[]; readonly is: string }[] = [
  { bytes: [0x1f, 0x8b], is: 'gzip; is it compressed more often than Content-Encoding says?' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], is: 'zstd; is it compressed more often than Content-Encoding says?' },
  { bytes: [0xff, 0xfe], is: 'UTF-16, but is not valid' },
  { bytes: [0xfe, 0xff], is: 'UTF-16, but is not valid' },
]

/** The error for a body without a record: what was seen and where, never what it says. */
export function describeUnreadable(
  body: Buffer,
  start: number,
  rejected: readonly RejectedRecord[],
): SidecarError<'DECODE_UNREADABLE'> {
  const first = body[start] ?? 0
  const looksLikeJson = first === OPEN_BRACE || first === OPEN_BRACKET
  const seen = looksLikeJson
    ? ''
    : ` It begins at byte ${start} with ${describeStart(body, start)}, not with "{" or "[".`
  const problem = looksLikeJson && rejected[0] !== undefined ? ` ${rejected[0].reason}` : ''
  return new SidecarError(
    'DECODE_UNREADABLE',
    `No record can be read from the body of ${body.length} bytes.${seen}${problem}`,
  )
}

function describeStart(body: Buffer, start: number): string {
  const known = knownStarts.find(({ bytes }) => bytes.every((byte, index) => body[start + index] === byte))
  return known === undefined ? describeByte(body[start] ?? 0) : `what looks like ${known.is}`
}

/** The class of a byte; the byte itself is content. */
function describeByte(byte: number): string {
  const character = String.fromCharCode(byte)
  if (/[A-Za-z]/.test(character)) return 'a letter'
  if (/[0-9]/.test(character)) return 'a digit'
  if (byte >= 0x80) return 'a byte outside ASCII'
  if (byte < 0x20 || byte === 0x7f) return 'a control character'
  return 'a punctuation mark'
}
