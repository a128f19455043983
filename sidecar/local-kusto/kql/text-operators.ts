/** The string operators. Those without `_cs` ignore case. */

type TextOperator = (text: string, part: string) => boolean

const contains: TextOperator = (text, part) => text.includes(part)
const startsWith: TextOperator = (text, part) => text.startsWith(part)
const endsWith: TextOperator = (text, part) => text.endsWith(part)

/** By the kind of the syntax node. */
export const textOperators: Readonly<Record<string, TextOperator>> = {
  ...both('Contains', contains),
  ...both('StartsWith', startsWith),
  ...both('EndsWith', endsWith),
  ...both('Has', (text, part) => hasTerm(text, part, 'both')),
  ...both('HasPrefix', (text, part) => hasTerm(text, part, 'start')),
  ...both('HasSuffix', (text, part) => hasTerm(text, part, 'end')),
  EqualTildeExpression: ignoringCase((text, part) => text === part),
  BangTildeExpression: ignoringCase((text, part) => text !== part),
}

/** `contains`, `!contains`, `contains_cs` and `!contains_cs`, and so on. */
function both(name: string, operator: TextOperator): Record<string, TextOperator> {
  const not =
    (other: TextOperator): TextOperator =>
    (text, part) =>
      !other(text, part)
  return {
    [`${name}Expression`]: ignoringCase(operator),
    [`Not${name}Expression`]: not(ignoringCase(operator)),
    [`${name}CsExpression`]: operator,
    [`Not${name}CsExpression`]: not(operator),
  }
}

function ignoringCase(operator: TextOperator): TextOperator {
  return (text, part) => operator(text.toLowerCase(), part.toLowerCase())
}

const wordCharacter = /[\p{L}\p{N}]/u

/** A term is a longest run of letters and digits; `part` must begin or end (or both) where a term does. */
function hasTerm(text: string, part: string, edge: 'start' | 'end' | 'both'): boolean {
  if (part === '') return true
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    const isStart = edge === 'end' || isEdge(text, at, part.at(0) ?? '')
    const isEnd = edge === 'start' || isEdge(text, at + part.length, part.at(-1) ?? '')
    if (isStart && isEnd) return true
  }
  return false
}

/** Whether a term can begin or end between the characters at `position - 1` and `position`. */
function isEdge(text: string, position: number, partCharacter: string): boolean {
  if (!wordCharacter.test(partCharacter)) return true
  return !(wordCharacter.test(text.charAt(position - 1)) && wordCharacter.test(text.charAt(position)))
}
