import { quoteShort } from './quote-short.ts'

const maxNameLength = 1_024
const allowedCharacter = /^[\p{L}\p{M}\p{Nd}_ .-]$/u

/**
 * What is wrong with the name of a database or table, as the end of a sentence that starts with "The table name";
 * undefined when the name is valid. At most a short, printable form of the name is quoted.
 *
 * The rules are those of Kusto: 1 to 1,024 letters, digits, underscores, spaces, dots and dashes
 * (learn.microsoft.com/kusto/query/schema-entities/entity-names), where a letter may be of any script
 * (MicrosoftDocs/dataexplorer-docs issue 346). Names of dots alone are refused too: in a path they mean "here" and
 * "one up", and clients rewrite such paths.
 */
export function kustoNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'is empty'
  if (name.length > maxNameLength) return `has ${name.length} characters, and ${maxNameLength} are allowed`
  if (/^\.+$/.test(name)) return 'consists of dots alone'
  for (const character of name) {
    if (!allowedCharacter.test(character)) {
      return `${quoteShort(name)} has ${nameOf(character)}; letters, digits, "_", " ", "." and "-" are allowed`
    }
  }
  return undefined
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `the character ${quoteShort(character)} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`
}
