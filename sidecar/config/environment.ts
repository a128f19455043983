/** What became of `${...}` in a text. */
export type Substitution = {
  readonly text: string
  /** The variables that were read, set or not. */
  readonly names: readonly string[]
  /** Messages, which name variables and never tell their values. */
  readonly problems: readonly string[]
}

/** `$${`, `${NAME}`, `${NAME:-default}`, or a `${` that is none of these. */
const pattern = /\$\$\{|\$\{(?:(?<name>[A-Za-z_][A-Za-z0-9_]*)(?<fallback>:-[^}]*)?\})?/g

/**
 * Replaces `${NAME}` and `${NAME:-default}` by values of the environment. As in a shell, the default also stands for a
 * variable that is set and empty; it ends at the first `}`. `$${` gives the characters `${`. The values are not searched again.
 */
export function substitute(text: string, env: Readonly<Record<string, string | undefined>>): Substitution {
  const names: string[] = []
  const problems: string[] = []
  const replaced = text.replace(pattern, (...found) => {
    if (found[0] === '$${') return '${'
    const { name, fallback } = found.at(-1) as { name?: string; fallback?: string }
    if (name === undefined) {
      problems.push(
        '"${" begins a variable: write ${NAME} or ${NAME:-default}, or $${ for the two characters themselves',
      )
      return ''
    }
    names.push(name)
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (fallback !== undefined) return value === undefined || value === '' ? fallback.slice(2) : value
    if (value === undefined)
      problems.push(`the environment variable ${name} is not set, and \${${name}} has no default`)
    return value ?? ''
  })
  return { text: replaced, names, problems }
}
