/**
 * Texts as parts of a command. Nothing is ever pasted into one as it is.
 * Source: learn.microsoft.com, "Entity names" and "The string data type".
 */

/** A name of a table, quoted. */
export function quotedName(name: string): string {
  return `[${quotedText(name)}]`
}

/** A string literal. */
export function quotedText(text: string): string {
  const escaped = text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- a control character would end the line or the literal
    /['"\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) =>
      `'"\\`.includes(character)
        ? `\\${character}`
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `'${escaped}'`
}
