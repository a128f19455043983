/** Whether a text fits a pattern. */
export type Wildcard = (text: string) => boolean

/**
 * A pattern in which `*` stands for any run of characters, also an empty one, as in `Match` of Fluent Bit. Everything else stands for
 * itself, upper and lower case are different, and the whole text must fit. There is no backtracking, so that no pattern is slow.
 */
export function wildcard(pattern: string): Wildcard {
  const [first = '', ...others] = pattern.split('*')
  const last = others.pop()
  if (last === undefined) return (text) => text === first
  const middle = others.filter((piece) => piece !== '')
  return (text) => {
    const limit = text.length - last.length
    if (first.length > limit || !text.startsWith(first) || !text.endsWith(last)) return false
    let offset = first.length
    for (const piece of middle) {
      // The leftmost place leaves the most room for the pieces after it.
      const found = text.indexOf(piece, offset)
      if (found < 0 || found + piece.length > limit) return false
      offset = found + piece.length
    }
    return true
  }
}

/** Whether a text fits any of the patterns. */
export function anyWildcard(patterns: readonly string[]): Wildcard {
  const wildcards = patterns.map(wildcard)
  return (text) => wildcards.some((fits) => fits(text))
}
