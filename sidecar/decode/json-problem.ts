/**
 * JSON.parse is the judge of what is JSON. The text is given to it as Latin-1, one character a byte: this neither changes the
 * verdict, since only ASCII has a meaning in JSON, nor does it mind bytes that are not UTF-8, and positions are byte offsets.
 * Returns what it threw, or undefined for valid JSON.
 */
export function parseErrorOf(body: Buffer, start: number, end: number): unknown {
  try {
    JSON.parse(body.toString('latin1', start, end))
    return undefined
  } catch (error) {
    return error
  }
}

/** The messages of V8 that quote nothing of the text. Others name the unexpected character, which is content. */
const speakingMessages =
  /^(Bad escaped character|Bad control character in string literal|Bad Unicode escape|Unterminated string|Expected property name or '}'|Expected double-quoted property name|Expected ':' after property name|Expected ',' or '}' after property value|Expected ',' or ']' after array element|No number after minus sign|Exponent part is missing a number|Unterminated fractional number|Unexpected number|Unexpected string|Unexpected non-whitespace character after JSON) in JSON at position (\d+)/

/** What is wrong, as the end of a sentence, without any content. `start` is the offset of the text in the body. */
export function describeParseError(error: unknown, start: number): string {
  if (error instanceof RangeError) return 'it is nested too deeply or too long to be checked'
  const message = error instanceof Error ? error.message : ''
  if (message === 'Unexpected end of JSON input') return 'it ends too early'
  const [, problem, position] = speakingMessages.exec(message) ?? []
  if (problem === undefined) return 'it holds a token that JSON does not know'
  return `${problem.charAt(0).toLowerCase()}${problem.slice(1)} at byte ${start + Number(position)}`
}
