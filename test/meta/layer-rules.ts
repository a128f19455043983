import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { ProjectFile } from './project-files.ts'

type Rule = {
  /** Folders or files below `sidecar/` whose modules may be imported; `*` is every one. */
  readonly inside: readonly string[]
  /** Packages that may be imported; `*` is every one. Modules of Node may be imported everywhere. */
  readonly packages: readonly string[]
  /** Exceptions to `inside`. */
  readonly except?: readonly string[]
}

const stages = [
  'http',
  'decode',
  'route',
  'shape',
  'journal',
  'batch',
  'compress',
  'delivery',
  'checkpoint',
  'ledger',
  'dead-letter',
]

/**
 * The layers: a stage never imports a stage. They meet in `sidecar.ts` through the interfaces of `core/ports.ts`. Each package
 * has a home folder; a second one is a decision that belongs into `sidecar/decisions/`.
 */
export const layerRules: Readonly<Record<string, Rule>> = {
  'main.ts': { inside: ['cli.ts', 'stop-signal.ts'], packages: [] },
  'stop-signal.ts': { inside: [], packages: [] },
  'cli.ts': { inside: ['*'], packages: [] },
  'sidecar.ts': {
    inside: [...stages, 'core', 'observability', 'config', 'drain.ts', 'take-again.ts'],
    packages: [],
    except: ['config/load.ts'],
  },
  'take-again.ts': { inside: [...stages, 'core'], packages: [] },
  'drain.ts': { inside: [...stages, 'core', 'observability'], packages: [] },
  core: { inside: [], packages: [] },
  platform: { inside: ['core'], packages: [] },
  config: { inside: ['core'], packages: ['zod', 'yaml'] },
  observability: { inside: ['core'], packages: ['pino', 'pino-pretty', 'prom-client'] },
  http: { inside: ['core', 'observability'], packages: ['express'] },
  decode: { inside: ['core'], packages: [] },
  route: { inside: ['core'], packages: ['lru-cache'] },
  shape: { inside: ['core'], packages: [] },
  journal: { inside: ['core', 'observability'], packages: [] },
  batch: { inside: ['core', 'observability'], packages: [] },
  compress: { inside: ['core', 'observability'], packages: ['koffi'] },
  ledger: { inside: ['core', 'observability'], packages: [] },
  delivery: { inside: ['core', 'observability'], packages: [] },
  checkpoint: { inside: ['core', 'observability'], packages: [] },
  kusto: {
    inside: ['core', 'observability'],
    packages: ['azure-kusto-data', 'azure-kusto-ingest', '@azure/identity', 'undici', 'lru-cache'],
  },
  'dead-letter': { inside: ['core', 'observability'], packages: ['ndjson'] },
  // undici, since a replay may answer later than the 300 s that the fetch of Node waits.
  commands: { inside: ['core', 'config', 'dead-letter', 'journal'], packages: ['undici'] },
  'local-kusto': { inside: ['core'], packages: ['*'] },
}

/** One sentence for each import that the table does not allow. */
export function layerViolations(files: readonly ProjectFile[]): string[] {
  return files.flatMap((file) => {
    const path = file.path.replace(/^sidecar\//, '')
    const layer = layerOf(path)
    const rule = layerRules[layer]
    if (rule === undefined) return [`${file.path} is in no layer of the table`]
    return specifiersOf(file.text).flatMap((specifier) => {
      const why = refusal(rule, layer, path, specifier)
      return why === undefined ? [] : [`${file.path} imports ${specifier}, ${why}`]
    })
  })
}

function refusal(rule: Rule, layer: string, path: string, specifier: string): string | undefined {
  if (specifier === computed) return 'a name that cannot be checked'
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? undefined : 'without "node:"'
  if (!specifier.startsWith('.')) {
    const [first = '', second = ''] = specifier.split('/')
    const name = first.startsWith('@') ? `${first}/${second}` : first
    return rule.packages.includes('*') || rule.packages.includes(name)
      ? undefined
      : 'a package with another home'
  }
  const target = posix.normalize(posix.join(posix.dirname(path), specifier))
  if (target.startsWith('..')) return target === '../package.json' ? undefined : 'outside of sidecar/'
  const targetLayer = layerOf(target)
  if (rule.except?.includes(target) === true) return 'an exception to what it may import'
  const isAllowed = targetLayer === layer || rule.inside.includes('*') || rule.inside.includes(targetLayer)
  return isAllowed ? undefined : 'another layer'
}

/** The first folder below `sidecar/`, or the file itself. */
function layerOf(path: string): string {
  return path.split('/')[0] ?? path
}

/** Stands for an import whose name is not a plain text. */
const computed = '(computed)'

/** What a module imports: static and dynamic imports, re-exports, and imports of types. */
export function specifiersOf(source: string): string[] {
  const code = withoutComments(source)
  const found: string[] = []
  // A statement starts a line; what is between its word and its text has neither quotes nor a semicolon.
  for (const match of code.matchAll(/^[ \t]*(?:import|export)\b([^'"`;]*?)['"]([^'"\n]+)['"]/gm)) {
    const [, between = '', specifier = ''] = match
    if (between.trim() === '' || /\bfrom\s*$/.test(between)) found.push(specifier)
  }
  for (const match of code.matchAll(
    /(?<![.\w])(?:import|require|import\.meta\.resolve)\s*\(\s*(?:(['"])([^'"\n]+)\1\s*[,)])?/g,
  )) {
    found.push(match[2] ?? computed)
  }
  return found
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
