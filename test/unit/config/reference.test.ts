import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { optionName } from '../../../sidecar/config/option-name.ts'
import { isItem, options } from '../../../sidecar/config/options.ts'
import { exampleFile, referenceText } from '../../../sidecar/config/reference.ts'

describe('REFERENCE.md', () => {
  it('is what `node sidecar/config/reference.ts` writes', () => {
    const committed = readFileSync(new URL('../../../sidecar/config/REFERENCE.md', import.meta.url), 'utf8')
    assert.equal(committed, referenceText())
  })

  it('shows an example that is a valid file', () => {
    const config = loadConfig(exampleFile, 'example.yaml', { KUSTO_CLIENT_SECRET: 's' })
    assert.equal(config.routes.length, 1)
  })

  it('describes every key in whole sentences, with an example that is valid', () => {
    const keys = options.filter((option) => option.path.length > 0 && !isItem(option))
    assert(keys.length > 40)
    for (const option of keys) {
      const name = optionName(option.path)
      const isOverride = name.startsWith('routes[].') && option.docs === undefined
      assert.equal(isOverride || option.docs !== undefined, true, `${name} has no text`)
      if (isOverride) continue
      assert.match(option.docs?.text ?? '', /^[A-Z`].*\.$/s, name)
      const needsExample = option.kind !== 'section' && name !== 'routes'
      if (needsExample) assert.notEqual(option.docs?.example, undefined, `${name} has no example`)
    }
  })

  it('holds no default that breaks its own rule', () => {
    for (const option of options) {
      if (option.default === undefined || option.path.length !== 2) continue
      const [section, key] = option.path
      const text = JSON.stringify({
        kusto: { cluster_url: 'https://c.kusto.windows.net' },
        ...(section === 'kusto' ? {} : { [String(section)]: { [String(key)]: option.default } }),
      })
      loadConfig(text, optionName(option.path), {})
    }
  })
})
