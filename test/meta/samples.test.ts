/** The samples that people copy are read by the real loader, so that they cannot rot. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../sidecar/config/load.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const env = {
  KUSTO_CLUSTER_URL: 'https://c.westeurope.kusto.windows.net',
  KUSTO_DATABASE: 'Logs',
  KUSTO_TABLE: 'App',
}

describe('a sample', () => {
  it('plugin-config/sidecar.yaml is a valid configuration', () => {
    const config = loadConfig(read('plugin-config/sidecar.yaml'), 'sidecar.yaml', env)
    assert.deepEqual(config.defaultDestination, { database: 'Logs', table: 'App' })
  })

  it('of a configuration in the README is valid', () => {
    const blocks = [...read('README.md').matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
    const configs = blocks.filter((block) => block.startsWith('kusto:'))
    assert.equal(configs.length, 1)
    for (const text of configs) loadConfig(text, 'README.md', env)
  })

  for (const path of [
    'docker-compose.yml',
    'plugin-config/fluent-bit/fluent-bit.yaml',
    'plugin-config/vector/vector.yaml',
  ]) {
    it(`${path} is YAML, and names only files that exist`, () => {
      const text = read(path)
      assert.equal(typeof parse(text), 'object')
      for (const [, file = ''] of text.matchAll(/- \.\/([\w./-]+\.\w+):\//g)) assert.ok(read(file).length > 0)
    })
  }

  it('of Fluent Bit never drops a chunk, and posts what the sidecar reads', () => {
    const file = parse(read('plugin-config/fluent-bit/fluent-bit.yaml')) as {
      pipeline: { outputs: Record<string, unknown>[]; inputs: Record<string, unknown>[] }
    }
    const [output] = file.pipeline.outputs
    assert.equal(output?.['retry_limit'], 'no_limits')
    assert.equal(output['format'], 'json_lines')
    assert.equal(file.pipeline.inputs[0]?.['storage.type'], 'filesystem')
  })
})
