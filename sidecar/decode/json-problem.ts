import { COMMA, OPEN_BRACE, OPEN_BRACKET } from './bytes.ts'
import { decodeLimits } from './limits.ts'

/**
 * JSON.parse is the judge of what is JSON. The text is given to it as Latin-1, one character a byte: this neither changes the
 * verdict, since only ASCII has a meaning in JSON, nor does it mind bytes that are not UTF-8, and positions are byte offsets.
 * Returns what it threw, or undefined for valid JSON.
 */
export function parseErrorOf(body: Buffer, start: number, end: number): unknown {
  if (end - start > decodeLimits.unmeasuredValueMaxBytes && holdsTooMuch(body, start, end)) return tooMuch
  try {
    JSON.parse(body.toString('latin1', start, end))
    return undefined
  } catch (error) {
    return error
  }
}

const tooMuch = new Error('too many values')

/** Counts brackets and commas, in strings too: the limit is far above any log record. */
function holdsTooMuch(body: Buffer, start: number, end: number): boolean {
  let count = 0
  for (let offset = start; offset < end; offset += 1) {
    const byte = body[offset]
    if (byte === COMMA || byte === OPEN_BRACE || byte === OPEN_BRACKET) count += 1
  }
  return count > decodeLimits.valuesMax
}

/** The messages of V8 that quote nothing of the text. Others name the unexpected character, which is content. */
const speakingMessages =
  /^(Bad escaped character|Bad control character in string literal|Bad Unicode escape|Unterminated string|Expected property name or '}'|Expected double-quoted property name|Expected ':' after property name|Expected ',' or '}' after property value|Expected ',' or ']' after array element|No number after minus sign|Exponent part is missing a number|Unterminated fractional number|Unexpected number|Unexpected string|Unexpected non-whitespace character after JSON) in JSON at position (\d+)/

/** What is wrong, as the end of a sentence, without any content. `start` is the offset of the text in the body. */
export function describeParseError(error: unknown, start: number): string {
  if (error === tooMuch) return `it holds more than ${decodeLimits.valuesMax} values`
  if (error instanceof RangeError) return 'it is nested too deeply or too long to be checked'
  const message = error instanceof Error ? error.message : ''
  if (message === 'Unexpected end of JSON input') return 'it ends too early'
  const [, problem, position] = speakingMessages.exec(message) ?? []
  if (problem === undefined) return 'it holds a token that JSON does not know'
  return `${problem.charAt(0).toLowerCase()}${problem.slice(1)} at byte ${start + Number(position)}`
}
