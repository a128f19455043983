import { SidecarError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { isOtlpJson } from '../../core/otlp-reply.ts'
import type { Decoded } from '../../core/ports.ts'
import { OPEN_BRACE, skipWhitespace } from '../bytes.ts'
import { setDamagedAside } from './json-damage.ts'
import { readJson } from './json.ts'
import { readProtobuf } from './protobuf.ts'
import { OtlpReading } from './reading.ts'
import { OtlpError } from './wire.ts'

type Format = 'json' | 'protobuf'

/**
 * Reads the logs that an exporter of OpenTelemetry posts to `/v1/logs`: an ExportLogsServiceRequest in protobuf or JSON. Each log record
 * becomes one object with the columns of `row.ts`; the attributes of its resource and its scope are repeated in it. The Content-Type
 * says which format is tried first; when nothing can be read that way, the other is tried.
 *
 * An empty body, and `{}`, are requests without records. A log record that is damaged is rejected with DECODE_NOT_OTLP and its bytes,
 * which are those of the LogRecord alone; so is what cannot be told apart any more. What is left when the JSON would get too large
 * (`writerLimits`), or too much was rejected, is rejected in one piece that is a request of its own, so that it can be taken in
 * again. Throws DECODE_UNREADABLE when nothing can be read.
 */
export function decodeOtlp(body: Buffer, contentType: string | undefined): Decoded {
  if (body.length === 0) return new OtlpReading(body).result()
  const first = likelyFormat(body, contentType)
  const outcome = read(body, first)
  if (typeof outcome !== 'string') return outcome
  const other = read(body, first === 'json' ? 'protobuf' : 'json')
  if (typeof other !== 'string') return other
  const message = `No log record can be read from the OTLP body of ${body.length} bytes. As ${first}: ${outcome}`
  throw new SidecarError('DECODE_UNREADABLE', message)
}

/** A request in protobuf begins with 0x0a, which is a line feed, and may go on with 0x7b, which is "{": this is a guess. */
function likelyFormat(body: Buffer, contentType: string | undefined): Format {
  if (isOtlpJson(contentType)) return 'json'
  if (contentType?.includes('protobuf') === true) return 'protobuf'
  return body[skipWhitespace(body, 0, body.length)] === OPEN_BRACE ? 'json' : 'protobuf'
}

/** As `readAs`. Of JSON that is damaged, the reading that finds more records. */
function read(body: Buffer, format: Format): Decoded | string {
  const outcome = readAs(new OtlpReading(body), format)
  if (format === 'protobuf' || (typeof outcome !== 'string' && outcome.rejected.length === 0)) return outcome
  // Too many records are bad by themselves: that is no matter of brackets, and looking again would double the work.
  if (typeof outcome !== 'string' && outcome.rejected.length > limits.rejectedMaxCount) return outcome
  const mended = setDamagedAside(body)
  const { restStart } = mended
  const rest = restStart === undefined ? undefined : { start: restStart, body }
  const other = mended.rejected.length === 0 ? outcome : readAs(new OtlpReading(mended.body, rest), format)
  if (typeof other === 'string' || countOf(other) <= countOf(outcome)) return outcome
  return { block: other.block, rejected: [...mended.rejected, ...other.rejected] }
}

function countOf(outcome: Decoded | string): number {
  return typeof outcome === 'string' ? -1 : outcome.block.ends.length
}

/** The records, or why there are none. */
function readAs(reading: OtlpReading, format: Format): Decoded | string {
  try {
    if (format === 'json') readJson(reading)
    else if (!readProtobuf(reading)) return 'it has no field of a request for logs.'
  } catch (error) {
    if (!(error instanceof OtlpError)) throw error
    return `${error.message}.`
  }
  const decoded = reading.result()
  const [rejected] = decoded.rejected
  return decoded.block.ends.length === 0 && rejected !== undefined ? rejected.reason : decoded
}
