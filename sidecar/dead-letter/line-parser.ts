import { isUtf8 } from 'node:buffer'
import ndjson from 'ndjson'
import { isLetterLine, type LetterLine } from './letter-line.ts'

const openingBrace = 0x7b

/** Reads lines one at a time, so that each result belongs to its bytes also when lines between are damaged. */
export class LineParser {
  /** Not strict: its error would end the stream, and its text quotes the record. */
  readonly #lines = ndjson.parse({ strict: false })

  /** The letter of a line that ends with its newline; undefined when it is damaged. */
  parse(line: Buffer): LetterLine | undefined {
    // The parser takes `null` for the end of the stream, and bytes that are not UTF-8 for others.
    if (line[0] !== openingBrace || !isUtf8(line)) return undefined
    this.#lines.write(line)
    const value: unknown = this.#lines.read()
    return isLetterLine(value) ? value : undefined
  }
}
