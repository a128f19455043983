import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { stringify } from 'yaml'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { optionName } from '../../../sidecar/config/option-name.ts'
import { options } from '../../../sidecar/config/options.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { mistakesIn } from './fixtures.ts'

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_. -]{0,20}$/)
const write = {
  batch_interval_ms: fc.integer({ min: 10, max: 30_000 }),
  batch_size: fc.integer({ min: 1, max: 10_000_000 }),
  client_batch_size_limit_mb: fc.integer({ min: 1, max: 1_000 }),
  flush_immediately: fc.boolean(),
  delivery_guarantee: fc.constantFrom('none', 'at_least_once'),
  ingestion_mapping_ref: name,
  additional_tags: fc.array(name, { maxLength: 3 }),
  drop_by_tags: fc.array(name, { maxLength: 3 }),
}
const optional = { requiredKeys: [] }
const file = fc.record(
  {
    kusto: fc.record({
      cluster_url: fc.constant('https://c.kusto.windows.net'),
      database: name,
      table: name,
    }),
    server: fc.record(
      { max_body_mb: fc.integer({ min: 1, max: 256 }), listen: fc.constant('[::1]:0') },
      optional,
    ),
    write: fc.record(write, optional),
    journal: fc.record({ enabled: fc.boolean(), directory: fc.constantFrom('a', '7', 'true') }, optional),
    routes: fc.uniqueArray(
      fc.record(
        {
          match: fc.record({ path: fc.stringMatching(/^[a-z]{1,9}$/) }),
          database: name,
          table: name,
          ...write,
        },
        {
          requiredKeys: ['match', 'database', 'table'],
        },
      ),
      { maxLength: 3, selector: (route) => route.match.path },
    ),
    unrouted: fc.constantFrom('dead_letter', 'reject'),
  },
  { requiredKeys: ['kusto'] },
)

describe('loadConfig, for any file', () => {
  it('reads the same from every way to write the same values', () => {
    fc.assert(
      fc.property(file, (values) => {
        const config = loadConfig(stringify(values), 'block.yaml', {})

        assert.deepEqual(loadConfig(JSON.stringify(values), 'flow.yaml', {}), config)
        assert.deepEqual(
          loadConfig(stringify(values, { defaultStringType: 'QUOTE_SINGLE' }), 'quoted.yaml', {}),
          config,
        )
        assert.deepEqual(config.defaultDestination, {
          database: values.kusto.database,
          table: values.kusto.table,
        })
        assert.equal(config.routes.length, values.routes?.length ?? 0)
        assert.equal(config.write.batchSize, values.write?.batch_size ?? 1_000)
      }),
    )
  })

  it('refuses any unknown key, at its place', () => {
    const sections = options.filter((option) => option.kind === 'section' && !option.path.includes('[]'))
    const known = new Set(options.map((option) => optionName(option.path)))
    fc.assert(
      fc.property(fc.constantFrom(...sections), fc.stringMatching(/^[a-z_]{1,12}$/), (section, key) => {
        fc.pre(!known.has(optionName([...section.path, key])))
        let values: Record<string, unknown> = { [key]: 1 }
        for (const part of section.path.toReversed()) values = { [part]: values }

        const lines = mistakesIn(stringify(values))

        const expected = `${[...section.path, key].join('.')}: `
        assert(
          lines.some((line) => line.includes(`  ${expected}`)),
          lines.join('\n'),
        )
      }),
    )
  })

  it('lets only CONFIG_INVALID escape, with a place on each line', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'kusto:',
        ' ',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&a',
        '*a',
        '!x',
        '|',
        '>',
        '#',
        '${',
        '}',
        '\t',
        'write: ',
      ),
      fc.string({ maxLength: 5 }),
      fc.constantFrom(...options.map((option) => `${String(option.path.at(-1))}:`)),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          loadConfig(pieces.join(''), 'f.yaml', {})
        } catch (error) {
          assert(error instanceof SidecarError, String(error))
          assert.equal(error.code, 'CONFIG_INVALID')
          for (const line of error.message.split('\n')) assert.match(line, /^f\.yaml:[1-9]\d*:[1-9]\d* {2}\S/)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
