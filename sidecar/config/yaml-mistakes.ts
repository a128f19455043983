import type { YAMLError } from 'yaml'
import type { Mistake, Position } from './mistakes.ts'

/** The library's own messages repeat pieces of the file, which can be secrets, so each code has a sentence here. */
const sentences: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'an alias "*" that is not valid',
  BAD_DQ_ESCAPE: 'an unknown backslash sequence in double quotes; single quotes keep backslashes as they are',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_SCALAR_START: 'a value that starts with this character must be in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second ": " in one line or a wrong indentation; put a value that holds ": " in quotes',
  BLOCK_IN_FLOW: 'between { } and [ ] only values in the same style are allowed',
  MISSING_CHAR: 'a closing quote, a bracket, a comma or a colon is missing',
  MULTILINE_IMPLICIT_KEY: 'expected a key, ":" and a value; the indentation may be wrong',
  MULTIPLE_DOCS: 'a second document starts here; expected one',
  TAB_AS_INDENT: 'a tab in the indentation; use spaces',
  TAG_RESOLVE_FAILED: 'an unknown tag "!"; put a value that starts with "!" in quotes',
  UNEXPECTED_TOKEN: 'something that does not belong here; a quote, a bracket or the indentation may be wrong',
}

/** Syntax errors as mistakes: the first of each line, and without those that only follow from an earlier one. */
export function yamlMistakes(
  text: string,
  errors: readonly YAMLError[],
  positionOf: (offset: number) => Position,
): Mistake[] {
  const lines = text.split('\n')
  const mistakes: Mistake[] = []
  const seenLines = new Set<number>()
  for (const error of errors.toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const position = positionOf(error.pos[0])
    if (seenLines.has(position.line)) continue
    if (error.code === 'UNEXPECTED_TOKEN' && mistakes.length > 0) continue
    seenLines.add(position.line)
    const sentence = sentences[error.code] ?? `not valid YAML (${error.code})`
    const hint =
      lines[position.line - 1]?.includes('${') === true ? '; between { } and [ ] put "${...}" in quotes' : ''
    mistakes.push({ position, path: [], message: sentence + hint })
  }
  return mistakes
}
