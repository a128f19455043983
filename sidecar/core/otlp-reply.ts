/**
 * The bodies of replies to OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response), in the format of the request.
 * All are far below the 4,000 bytes that Fluent Bit accepts of a reply with its head.
 */

/** Of a message, so that it stays below 3,000 bytes even when each character is escaped. */
const messageMaxChars = 480

/** Whether a request with this Content-Type is in JSON; else it is in protobuf. */
export function isOtlpJson(contentType: string | undefined): boolean {
  return /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType ?? '')
}

export function otlpContentType(isJson: boolean): string {
  return isJson ? 'application/json' : 'application/x-protobuf'
}

/**
 * An ExportLogsServiceResponse: empty, or with the number of records that are kept as dead letters. The sender counts these as rejected,
 * and does not send them again.
 */
export function otlpSuccess(isJson: boolean, deadLetters: number): Buffer {
  if (deadLetters === 0) return Buffer.from(isJson ? '{}' : '')
  const message = `${deadLetters} log records could not be taken; the sidecar keeps them as dead letters.`
  if (isJson) {
    const partialSuccess = { rejectedLogRecords: String(deadLetters), errorMessage: message }
    return Buffer.from(JSON.stringify({ partialSuccess }))
  }
  const count = Buffer.from([0x08, ...varint(deadLetters)])
  return field(1, Buffer.concat([count, field(2, Buffer.from(message))]))
}

/** A google.rpc.Status with the message, of which a long one is cut. */
export function otlpFailure(isJson: boolean, message: string): Buffer {
  const short = message.length > messageMaxChars ? `${message.slice(0, messageMaxChars - 3)}...` : message
  const text = short.toWellFormed()
  return isJson ? Buffer.from(JSON.stringify({ message: text })) : field(2, Buffer.from(text))
}

/** A field of protobuf that holds bytes: text or a message. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
  return bytes
}
