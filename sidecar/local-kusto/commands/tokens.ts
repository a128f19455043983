/** Splits a management command into words, names, strings and signs. */
import { syntaxError } from '../kusto-error.ts'

export type Token = {
  /** `name` is a word or a quoted name such as `['my table']`; `sign` one character. */
  readonly kind: 'name' | 'string' | 'sign'
  readonly text: string
  /** Where it starts in the command. */
  readonly at: number
}

const forms: readonly { kind: Token['kind']; form: RegExp; read: (match: RegExpExecArray) => string }[] = [
  { kind: 'name', form: /\[\s*'((?:[^'\\]|\\.)*)'\s*\]/y, read: (match) => unescape(match[1] ?? '') },
  { kind: 'name', form: /\[\s*"((?:[^"\\]|\\.)*)"\s*\]/y, read: (match) => unescape(match[1] ?? '') },
  { kind: 'string', form: /```([^]*?)```/y, read: (match) => match[1] ?? '' },
  {
    kind: 'string',
    form: /[hH]?@'((?:[^']|'')*)'/y,
    read: (match) => (match[1] ?? '').replaceAll("''", "'"),
  },
  {
    kind: 'string',
    form: /[hH]?@"((?:[^"]|"")*)"/y,
    read: (match) => (match[1] ?? '').replaceAll('""', '"'),
  },
  { kind: 'string', form: /[hH]?'((?:[^'\\\n]|\\.)*)'/y, read: (match) => unescape(match[1] ?? '') },
  { kind: 'string', form: /[hH]?"((?:[^"\\\n]|\\.)*)"/y, read: (match) => unescape(match[1] ?? '') },
  { kind: 'name', form: /[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?/uy, read: (match) => match[0] },
  { kind: 'sign', form: /[^\s]/y, read: (match) => match[0] },
]

const spaceForm = /(?:\s|\/\/[^\n]*)*/y

/** Throws a syntax error for a string that does not end. */
export function tokenize(command: string): Token[] {
  const tokens: Token[] = []
  let at = endOfSpace(command, 0)
  while (at < command.length) {
    const token = readToken(command, at)
    if (token.kind === 'sign' && `'"`.includes(token.text))
      throw syntaxError(`the string that starts at ${at} does not end`)
    tokens.push(token)
    at = endOfSpace(command, token.end)
  }
  return tokens
}

function readToken(command: string, at: number): Token & { end: number } {
  for (const { kind, form, read } of forms) {
    form.lastIndex = at
    const match = form.exec(command)
    if (match !== null) return { kind, text: read(match), at, end: form.lastIndex }
  }
  throw syntaxError(`nothing can be read at ${at}`)
}

function endOfSpace(command: string, at: number): number {
  spaceForm.lastIndex = at
  spaceForm.exec(command)
  return spaceForm.lastIndex
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|(.))/g,
    (_, unicode: string | undefined, character: string | undefined) =>
      unicode === undefined
        ? (escapes[character ?? ''] ?? character ?? '')
        : String.fromCharCode(Number.parseInt(unicode, 16)),
  )
}
