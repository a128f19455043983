/** The name of the option at a path of the schema or of a file: `routes[].match.path`, for every item of the list. */
export function optionName(path: readonly PropertyKey[]): string {
  let name = ''
  for (const part of path) {
    if (typeof part === 'number' || part === '[]') name += '[]'
    else name += `${name === '' ? '' : '.'}${String(part)}`
  }
  return name
}
