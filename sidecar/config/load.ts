import type { z } from 'zod'
import { SidecarError } from '../core/errors.ts'
import { type Config, toConfig } from './config.ts'
import { issueText } from './issue-text.ts'
import { type Mistake, mistakesText, type Path } from './mistakes.ts'
import { optionAt } from './options.ts'
import { configSchema } from './schema.ts'
import { unknownKeyText } from './unknown-key.ts'
import { readYaml, unreadable, type YamlTree } from './yaml-tree.ts'

const maxFileLength = 1_000_000

/**
 * Reads the text of a configuration file. `fileName` is for messages, `env` is where `${NAME}` is looked up.
 *
 * Throws SidecarError CONFIG_INVALID with one line for each mistake, all at once, in the order of the file:
 * `file:line:column  key.path: what was expected, what was found`. The lines hold no value of a variable and none of a
 * key that is secret.
 */
export function loadConfig(
  text: string,
  fileName: string,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  if (text.length > maxFileLength) {
    throw new SidecarError('CONFIG_INVALID', `${fileName}:1:1  expected at most ${maxFileLength} characters`)
  }
  const tree = readYaml(text, env, kindAt)
  const mistakes = [...tree.mistakes]
  if (tree.isReadable) {
    const root = withKusto(tree.root)
    if (root === undefined) mistakes.push(rootMistake(tree))
    else {
      const parsed = configSchema.safeParse(root)
      if (parsed.success && mistakes.length === 0) return toConfig(parsed.data)
      mistakes.push(...(parsed.error?.issues ?? []).flatMap((issue) => mistakesOf(issue, root, tree)))
    }
  }
  throw new SidecarError('CONFIG_INVALID', mistakesText(fileName, mistakes))
}

function kindAt(path: Path): 'section' | 'list' | 'text' | 'other' {
  const kind = optionAt(path)?.kind
  if (kind === 'map') return 'section'
  // A name made of digits must not become a number for one node of many.
  if (kind === 'scalar' && optionAt(path.slice(0, -1))?.kind === 'map') return 'text'
  if (kind === 'section' || kind === 'list' || kind === 'text') return kind
  return kind === 'choice' ? 'text' : 'other'
}

/** The root with an empty `kusto` when it has none, so that the missing keys are named; undefined when it is no mapping. */
function withKusto(root: unknown): object | undefined {
  if (typeof root !== 'object' || root === null || Array.isArray(root)) return undefined
  return Object.assign(Object.create(null), { kusto: {} }, root)
}

function rootMistake(tree: YamlTree): Mistake {
  const found = Array.isArray(tree.root) ? 'a list' : 'a single value'
  return {
    position: tree.valuePosition([]),
    path: [],
    message: `expected a mapping with sections such as "kusto:" and "write:", found ${found}`,
  }
}

function mistakesOf(issue: z.core.$ZodIssue, root: object, tree: YamlTree): Mistake[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const keyPath = [...path, key]
      return { position: tree.keyPosition(keyPath), path: keyPath, message: unknownKeyText(keyPath) }
    })
  }
  const value = valueAt(root, path)
  if (value === unreadable) return []
  return [
    { position: tree.valuePosition(path), path, message: issueText(issue, value, tree.variables(path)) },
  ]
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, part) ? (value as Record<string | number, unknown>)[part] : undefined
  }
  return value
}
