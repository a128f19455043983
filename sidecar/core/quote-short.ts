const shownLength = 40

/**
 * A short, printable form of text that came from outside, in double quotes, for a message. Control characters, invisible
 * characters and half surrogate pairs become "?", and what is longer than 40 characters is cut.
 */
export function quoteShort(text: string): string {
  const printable = Array.from(text.slice(0, shownLength * 2), (character) => {
    if (character === '"') return "'"
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character) ? character : '?'
  })
  const isCut = printable.length > shownLength || text.length > shownLength * 2
  return `"${printable.slice(0, shownLength).join('')}${isCut ? '...' : ''}"`
}
