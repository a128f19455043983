/** What was read, or what is wrong: a message that names the place and repeats nothing of the text. */
export type Parsed<Value> = { readonly value: Value } | { readonly problem: string }

/** A key that may stand without quotes. */
const plainKey = /[^.[\]{}'"\s]+/y

/** Reads the path to a field of a record: `kubernetes.namespace_name`, or `attributes['service.name']` for a key with dots. */
export function parseFieldPath(text: string): Parsed<readonly string[]> {
  const path = readFieldPath(text, 0, true)
  if ('problem' in path) return path
  const { keys, end } = path.value
  if (end === text.length && keys.length > 0) return { value: keys }
  return {
    problem: `expected a dot and a key at character ${end + 1}; a key with other characters is written ['...']`,
  }
}

/**
 * Reads keys from `start` on, up to what can be none. With `isStart` the first one needs no dot before it. An empty list when no key
 * is there.
 */
export function readFieldPath(
  text: string,
  start: number,
  isStart: boolean,
): Parsed<{ readonly keys: readonly string[]; readonly end: number }> {
  const keys: string[] = []
  let offset = start
  for (;;) {
    const isFirst = isStart && offset === start
    if (text[offset] === '[') {
      const quote = text[offset + 1]
      if (quote !== "'" && quote !== '"') {
        return {
          problem: `expected a quoted key behind the "[" at character ${offset + 1}, such as ['service.name']; elements of lists have no keys`,
        }
      }
      const end = text.indexOf(`${quote}]`, offset + 2)
      if (end < 0) return { problem: `the key at character ${offset + 2} has no closing ${quote}]` }
      keys.push(text.slice(offset + 2, end))
      offset = end + 2
      continue
    }
    if (!isFirst && text[offset] !== '.') return { value: { keys, end: offset } }
    plainKey.lastIndex = isFirst ? offset : offset + 1
    const [key] = plainKey.exec(text) ?? []
    if (key === undefined) {
      return {
        problem: `expected a key at character ${(isFirst ? offset : offset + 1) + 1}; a key with dots or spaces is written ['...']`,
      }
    }
    keys.push(key)
    offset = plainKey.lastIndex
  }
}
