/** The samples that people copy are read by the real loader, so that they cannot rot. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../sidecar/config/load.ts'
import { options } from '../../sidecar/config/options.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const shipperFiles = [
  'fluent-bit/fluent-bit.yaml',
  'fluent-bit/fluent-bit.conf',
  'vector/vector.yaml',
  'otel-collector/otel-collector.yaml',
]
const env = {
  KUSTO_CLUSTER_URL: 'https://c.westeurope.kusto.windows.net',
  KUSTO_DATABASE: 'Logs',
  KUSTO_TABLE: 'App',
}

function holds(value: unknown, path: readonly string[]): boolean {
  let inner = value
  for (const key of path) {
    if (typeof inner !== 'object' || inner === null || !(key in inner)) return false
    inner = (inner as Record<string, unknown>)[key]
  }
  return true
}

describe('a sample', () => {
  it('plugin-config/sidecar.yaml is a valid configuration', () => {
    const config = loadConfig(read('plugin-config/sidecar.yaml'), 'sidecar.yaml', env)
    assert.deepEqual(config.defaultDestination, { database: 'Logs', table: 'App' })
  })

  it('plugin-config/sidecar.yaml has every option, with its default where it is switched off', () => {
    const text = read('plugin-config/sidecar.yaml')
    const active: unknown = parse(text)
    for (const { path, kind, default: standard } of options) {
      const key = path.at(-1)
      // The keys of a route are those of "write" and "records", as the file says.
      if (key === undefined || key === '[]' || key === '{}' || (path[0] === 'routes' && path.length > 3))
        continue
      const lines = [...text.matchAll(new RegExp(`^ *(?:# *)?(?:- )?${key}:(?: (.*))?$`, 'gm'))]
      const inBraces = new RegExp(`[{ ]${key}: `).test(text)
      assert.ok(lines.length > 0 || inBraces, `${path.join('.')} is not in the file`)
      if (kind === 'section' || standard === undefined || holds(active, path)) continue
      const values = lines.map(([, value = '']) => parse(value) as unknown)
      const isShown = values.some((value) => JSON.stringify(value) === JSON.stringify(standard))
      // A list of sections is shown by an example.
      assert.ok(
        isShown || path.join('.') === 'routes',
        `${path.join('.')} is not shown as ${JSON.stringify(standard)}`,
      )
    }
  })

  it('plugin-config/sidecar.yaml has examples that are valid when they are switched on', () => {
    // From the key to the next empty line.
    const blocks = /^# (?:routes|path_destinations|unrouted):[^\n]*\n(?:#[^\n]*\n)*/gm
    const switchOn = (block: string) => block.replaceAll(/^# /gm, '')
    const text = read('plugin-config/sidecar.yaml').replaceAll(blocks, switchOn)
    const { routes } = loadConfig(text, 'sidecar.yaml', env)
    assert.equal(routes.length, 3)
  })

  it('of a configuration in the README is valid', () => {
    const blocks = [...read('README.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
    const configs = blocks.filter((block) => block.startsWith('kusto:'))
    assert.equal(configs.length, 1)
    for (const text of configs) loadConfig(text, 'README.md', env)
  })

  it('docker-compose.yml is YAML, and names only files that exist', () => {
    const text = read('docker-compose.yml')
    assert.equal(typeof parse(text), 'object')
    for (const [, file = ''] of text.matchAll(/- \.\/([\w./-]+\.\w+):\//g)) assert.ok(read(file).length > 0)
  })

  it('of each shipper is in the table of plugin-config/README.md', () => {
    const table = read('plugin-config/README.md')
    for (const file of shipperFiles) assert.ok(table.includes(`](${file})`), file)
  })
})
