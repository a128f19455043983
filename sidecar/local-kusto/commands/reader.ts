/** Reads the tokens of a command from left to right. */
import { syntaxError } from '../kusto-error.ts'
import { columnTypeOf, type Column } from '../engine/values.ts'
import { tokenize, type Token } from './tokens.ts'

export class CommandReader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(command: string) {
    this.#tokens = tokenize(command)
  }

  /** Takes these words and signs, or nothing at all. Case does not matter. */
  take(...words: string[]): boolean {
    const isThere = words.every((word, index) => {
      const token = this.#tokens[this.#next + index]
      return token !== undefined && token.kind !== 'string' && token.text.toLowerCase() === word
    })
    if (isThere) this.#next += words.length
    return isThere
  }

  expect(...words: string[]): void {
    if (!this.take(...words)) throw this.#unexpected(`'${words.join(' ')}'`)
  }

  /** A name, quoted or not. */
  name(what: string): string {
    const token = this.#tokens[this.#next]
    if (token === undefined || token.kind === 'sign') throw this.#unexpected(what)
    this.#next += 1
    return token.text
  }

  string(what: string): string {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'string') throw this.#unexpected(what)
    this.#next += 1
    return token.text
  }

  /** Strings that stand beside each other are one, so that a long one can be written on several lines. */
  strings(what: string): string {
    let text = this.string(what)
    while (this.#tokens[this.#next]?.kind === 'string') text += this.string(what)
    return text
  }

  /** `(name:type, ...)`. */
  columns(): Column[] {
    const columns: Column[] = []
    this.expect('(')
    do {
      const name = this.name('a column name')
      this.expect(':')
      const typeName = this.name('a column type')
      const type = columnTypeOf(typeName.toLowerCase())
      if (type === undefined) throw syntaxError(`'${typeName}' is no column type`)
      columns.push({ name, type })
    } while (this.take(','))
    this.expect(')')
    return columns
  }

  /** Takes `with (...)` if it is there; what it says (folder, docstring) has no meaning here. */
  skipWith(): void {
    if (!this.take('with')) return
    this.expect('(')
    while (this.#next < this.#tokens.length && !this.take(')')) this.#next += 1
  }

  end(): void {
    this.take(';')
    if (this.#next < this.#tokens.length) throw this.#unexpected('the end of the command')
  }

  #unexpected(wanted: string): Error {
    const token = this.#tokens[this.#next]
    return syntaxError(
      `${wanted} is expected ${token === undefined ? 'at the end' : `before '${token.text}' at ${token.at}`}`,
    )
  }
}
