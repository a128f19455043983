import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { substitute } from './environment.ts'
import type { Mistake, Path, Position } from './mistakes.ts'
import { yamlMistakes } from './yaml-mistakes.ts'

type Env = Readonly<Record<string, string | undefined>>
type Kind = 'section' | 'list' | 'text' | 'other'

/** A file as plain values, with the place and the origin of each. */
export type YamlTree = {
  readonly root: unknown
  readonly mistakes: readonly Mistake[]
  /** False when the file is so broken that its values mean nothing. */
  readonly isReadable: boolean
  /** Where the key at the path is written, or else the nearest key above it. */
  keyPosition(path: Path): Position
  /** Where the value at the path is written, or else the nearest key above it. */
  valuePosition(path: Path): Position
  /** The variables that the value at the path was made of; empty when it was written out. */
  variables(path: Path): readonly string[]
}

/** Stands for a value that could not be read and whose mistake is told already. */
export const unreadable = Symbol('unreadable')

/** More than any real file has; a bound for aliases that multiply. */
const maxNodes = 50_000
/** In nodes: the library searches the whole file for the anchor of each alias. */
const aliasCost = 50
const maxDepth = 20

/**
 * Reads YAML 1.2 and replaces variables in scalar values before these get their types. A plain scalar made of variables gets
 * the type that it looks like (`${PORT}` becomes a number), except where `kindAt` says that text is expected: a build number
 * or a password of digits stays text. When nothing is left of it, the key counts as absent.
 */
export function readYaml(text: string, env: Env, kindAt: (path: Path) => Kind): YamlTree {
  const lines = new LineCounter()
  // `prettyErrors` would put lines of the file, and so secrets, into messages.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
  })
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const broken = yamlMistakes(text, [...document.errors, ...document.warnings], positionOf)
  const walk = new TreeWalk(document, env, kindAt, positionOf)
  const root = broken.length === 0 ? walk.read(document.contents, []) : unreadable
  return {
    root: root === undefined ? null : root,
    mistakes: [...broken, ...walk.mistakes],
    isReadable: broken.length === 0,
    keyPosition: (path) => walk.nearest(path, 'key'),
    valuePosition: (path) => walk.nearest(path, 'value'),
    variables: (path) => walk.variables.get(JSON.stringify(path)) ?? [],
  }
}

class TreeWalk {
  readonly mistakes: Mistake[] = []
  readonly variables = new Map<string, readonly string[]>()
  readonly #places = new Map<string, { key: Position; value: Position }>()
  readonly #document: Document.Parsed
  readonly #env: Env
  readonly #kindAt: (path: Path) => Kind
  readonly #positionOf: (offset: number) => Position
  #nodesCount = 0
  #isTooLarge = false

  constructor(
    document: Document.Parsed,
    env: Env,
    kindAt: (path: Path) => Kind,
    positionOf: (offset: number) => Position,
  ) {
    this.#document = document
    this.#env = env
    this.#kindAt = kindAt
    this.#positionOf = positionOf
  }

  /** The plain value of a node; undefined when its key counts as absent, `unreadable` when a mistake was told. */
  read(node: unknown, path: Path, key?: Position): unknown {
    this.#nodesCount += isAlias(node) ? aliasCost : 1
    const value = this.#start(node) ?? key ?? { line: 1, column: 1 }
    this.#places.set(JSON.stringify(path), { key: key ?? value, value })
    if (this.#nodesCount > maxNodes || path.length > maxDepth) {
      if (!this.#isTooLarge) this.#tell(value, path, 'the file is too large or too deep here')
      this.#isTooLarge = true
      return unreadable
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target !== undefined) return this.read(target, path, key)
      this.#tell(value, path, 'there is no anchor "&" before it for the alias "*"')
      return unreadable
    }
    if (isMap(node)) return this.#readMap(node, path)
    if (isSeq(node)) return this.#readList(node, path)
    return this.#readScalar(isScalar(node) ? node : undefined, path, value)
  }

  nearest(path: Path, part: 'key' | 'value'): Position {
    const exact = this.#places.get(JSON.stringify(path))
    if (exact !== undefined) return exact[part]
    for (let length = path.length - 1; length >= 0; length -= 1) {
      const above = this.#places.get(JSON.stringify(path.slice(0, length)))
      if (above !== undefined) return above.key
    }
    return { line: 1, column: 1 }
  }

  #readMap(map: YAMLMap, path: Path): object {
    // Without a prototype, so that a key such as "__proto__" is a key like others.
    const result: Record<string, unknown> = Object.create(null)
    const seen = new Map<string, Position>()
    for (const pair of map.items) {
      const position = this.#start(pair.key) ?? this.#start(map) ?? { line: 1, column: 1 }
      if (!isScalar(pair.key) || pair.key.value === null || typeof pair.key.value === 'object') {
        this.#tell(position, path, 'expected a plain word as a key')
        continue
      }
      // oxlint-disable-next-line typescript/no-base-to-string -- objects were refused above
      const key = String(pair.key.value)
      const first = seen.get(key)
      if (first !== undefined) {
        this.#tell(position, [...path, key], `is written twice; the first is on line ${first.line}`)
        continue
      }
      seen.set(key, position)
      const value = this.read(pair.value, [...path, key], position)
      if (value !== undefined) result[key] = value
    }
    return result
  }

  #readList(list: YAMLSeq, path: Path): unknown[] {
    return list.items.map((item, index) => this.read(item, [...path, index]))
  }

  #readScalar(scalar: Scalar | undefined, path: Path, position: Position): unknown {
    const kind = this.#kindAt(path)
    const written = scalar?.value ?? null
    if (written === null && kind === 'section') return Object.create(null)
    if (written === null && kind === 'list') return []
    if (typeof written !== 'string' || !written.includes('${')) return written
    const { text, names, problems } = substitute(written, this.#env)
    this.variables.set(JSON.stringify(path), names)
    for (const problem of problems) this.#tell(position, path, problem)
    if (problems.length > 0) return unreadable
    if (scalar?.type !== 'PLAIN' || scalar.tag !== undefined || names.length === 0) return text
    if (text.trim() === '') return undefined
    return kind === 'text' ? text : this.#typed(text)
  }

  /** The value that a plain scalar with this text has: the rules of the YAML library itself. */
  #typed(text: string): unknown {
    for (const tag of this.#document.schema.tags) {
      if (tag.collection !== undefined || tag.default !== true || tag.test?.test(text) !== true) continue
      const resolved = tag.resolve(text, () => undefined, {})
      return isScalar(resolved) ? resolved.value : resolved
    }
    return text
  }

  #start(node: unknown): Position | undefined {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined
    return range === undefined || range === null ? undefined : this.#positionOf(range[0])
  }

  #tell(position: Position, path: Path, message: string): void {
    this.mistakes.push({ position, path, message })
  }
}
