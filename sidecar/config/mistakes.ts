import { quoteShort } from '../core/quote-short.ts'

export type Path = readonly (string | number)[]

/** Where something starts in the file, both from 1. */
export type Position = { readonly line: number; readonly column: number }

export type Mistake = {
  readonly position: Position
  /** The key that the mistake is about; empty for the file as a whole. */
  readonly path: Path
  /** What was expected and what was found. Holds no value of a variable or of a secret. */
  readonly message: string
}

const maxShown = 100

/** One line a mistake, in the order of the file: `file:line:column  key.path: message`. */
export function mistakesText(fileName: string, mistakes: readonly Mistake[]): string {
  const inOrder = mistakes.toSorted(
    (a, b) => a.position.line - b.position.line || a.position.column - b.position.column,
  )
  const lines = inOrder.slice(0, maxShown).map(({ position, path, message }) => {
    const subject = path.length === 0 ? '' : `${pathText(path)}: `
    return `${fileName}:${position.line}:${position.column}  ${subject}${message}`
  })
  if (inOrder.length > maxShown) lines.push(`${fileName}: and ${inOrder.length - maxShown} more mistakes`)
  return lines.join('\n')
}

/** `routes[0].match.path`; keys that are no plain words are quoted and shortened. */
function pathText(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text === '' ? '' : '.'}${/^[\w-]{1,64}$/.test(part) ? part : quoteShort(part)}`
  }
  return text
}
