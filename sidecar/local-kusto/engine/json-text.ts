/**
 * Finds the parts of a JSON text without decoding them, so that numbers beyond 2^53, escapes and the text of nested values stay
 * as they came. Every function expects text that `JSON.parse` has accepted (`isJson`).
 */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The text of each property; of equal names the last wins. Undefined when the text is not an object. */
export function propertiesOf(text: string): Map<string, string> | undefined {
  let at = skipSpace(text, 0)
  if (text[at] !== '{') return undefined
  const properties = new Map<string, string>()
  at = skipSpace(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const name = JSON.parse(text.slice(at, nameEnd)) as string
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = endOfValue(text, start)
    properties.set(name, text.slice(start, end))
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return properties
}

/** The text of each item; undefined when the text is not an array. */
export function itemsOf(text: string): string[] | undefined {
  let at = skipSpace(text, 0)
  if (text[at] !== '[') return undefined
  const items: string[] = []
  at = skipSpace(text, at + 1)
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at)
    items.push(text.slice(at, end))
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return items
}

/** The position after the spaces that JSON allows. */
export function skipSpace(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

/** The position after the value that starts at `start`; the end of the text when it does not end. */
export function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start)
  if (first === '{' || first === '[') return endOfContainer(text, start)
  let at = start
  while (at < text.length && !' \t\r\n,]}[{"'.includes(text.charAt(at))) at += 1
  return at
}

function endOfContainer(text: string, start: number): number {
  let depth = 0
  let at = start
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(text, at)
      continue
    }
    if (code === 0x7b || code === 0x5b) depth += 1
    if (code === 0x7d || code === 0x5d) depth -= 1
    at += 1
    if (depth === 0) return at
  }
  return at
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at += 2
    else if (code === 0x22) return at + 1
    else at += 1
  }
  return text.length
}
