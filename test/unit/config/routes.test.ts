import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { mistakesIn, smallest } from './fixtures.ts'

const load = (yaml: string, env: Record<string, string> = {}) =>
  loadConfig(`${smallest}${yaml}\n`, 'sidecar.yaml', env)

/** The mistakes without the name of the file and their places. */
function textsOf(yaml: string, env: Record<string, string> = {}): string[] {
  return mistakesIn(`${smallest}${yaml}\n`, env).map((line) => line.replace(/^\S+ {2}/, ''))
}

const route = (match: string, rest = 'database: d, table: t') => `routes: [{ match: ${match}, ${rest} }]`

describe('routes', () => {
  it('read every condition, names as templates and lists of what is allowed', () => {
    const [first] = load(`routes:
  - match: { path: nginx, tag: "kube.*", field: "a['b.c'].d", equals: 7 }
    database: "{tag[1]}"
    table: "x-{record.app}"
    allowed_databases: [Logs]
    allowed_tables: ["App*"]
`).routes

    assert.deepEqual(first?.match, {
      path: '/ingest/nginx',
      tag: 'kube.*',
      field: { path: ['a', 'b.c', 'd'], equals: 7 },
    })
    assert.deepEqual(first.database, [{ kind: 'tag', index: 1 }])
    assert.deepEqual(first.table, [
      { kind: 'text', text: 'x-' },
      { kind: 'record', path: ['app'] },
    ])
    assert.deepEqual([first.allowedDatabases, first.allowedTables], [['Logs'], ['App*']])
  })

  it('may compare with text, numbers, truth values and null', () => {
    for (const [yaml, value] of [
      ['"7"', '7'],
      ['1.5', 1.5],
      ['false', false],
      ['null', null],
    ] as const) {
      assert.equal(load(route(`{ field: a, equals: ${yaml} }`)).routes[0]?.match.field?.equals, value)
    }
    assert.equal('equals' in (load(route('{ field: a }')).routes[0]?.match.field ?? {}), false)
  })

  it('override records key by key, and added fields as a whole', () => {
    const config = load(
      `records: { shape: envelope, date_key: t, add: { a: 1, b: x } }\n${route('{ path: p }', 'database: d, table: t, shape: as_is, add: { c: true }')}`,
    )
    const { tagHeader: _, ...common } = config.records
    assert.deepEqual(config.routes[0]?.records, {
      ...common,
      shape: 'as_is',
      add: [{ key: 'c', value: true }],
    })
    assert.equal(common.dateKey, 't')
  })

  const refused: Record<string, [string, RegExp]> = {
    'a match without a condition': [route('{}'), /^routes\[0\]\.match: expected at least one of "path"/],
    'a value without a field': [
      route('{ path: a, equals: 1 }'),
      /^routes\[0\]\.match\.equals: needs the key "field"/,
    ],
    'a second route for the same': [
      'routes:\n  - { match: { tag: a, field: "x.y" }, database: d, table: t }\n  - { match: { tag: a, field: "[\'x\'].y" }, database: d, table: u }',
      /^routes\[1\]\.match: takes only what routes\[0\] has taken before/,
    ],
    'a route whose records an earlier one takes': [
      'routes:\n  - { match: { field: f }, database: d, table: t }\n  - { match: { path: p, field: f, equals: 1 }, database: d, table: u }',
      /^routes\[1\]\.match: takes only/,
    ],
    'a template without a list of names': [
      route('{ tag: a }', 'database: d, table: "{tag}"'),
      /^routes\[0\]\.allowed_tables: expected the names that table may become/,
    ],
    'a template with an empty list of names': [
      route('{ tag: a }', 'database: "{tag}", allowed_databases: [], table: t'),
      /^routes\[0\]\.allowed_databases: expected the names that database may become/,
    ],
    'a list of names without a template': [
      route('{ tag: a }', 'database: d, table: t, allowed_tables: [x]'),
      /^routes\[0\]\.allowed_tables: is not used, since table is a fixed name; remove it$/,
    ],
    'an allowed name that Kusto would refuse': [
      route('{ tag: a }', 'database: d, table: "{tag}", allowed_tables: ["a/*"]'),
      /^routes\[0\]\.allowed_tables\[0\]: the name "a\/x" has the character "\/"/,
    ],
    'an unknown placeholder': [
      route('{ tag: a }', 'database: d, table: "a{app}", allowed_tables: [x]'),
      /^routes\[0\]\.table: the placeholder at character 2 is unknown; a field is written \{record\.NAME\}; known are/,
    ],
    'a name with a bad character beside a placeholder': [
      route('{ tag: a }', 'database: d, table: "{tag}/x", allowed_tables: [x]'),
      /^routes\[0\]\.table: the name "x\/x" has the character/,
    ],
    'a broken path to a field': [
      route('{ field: "a..b" }'),
      /^routes\[0\]\.match\.field: expected a key at character 3/,
    ],
    'a list to compare with': [
      route('{ field: a, equals: [1] }'),
      /^routes\[0\]\.match\.equals: expected text, a number, true, false or null, found a list$/,
    ],
    'a number with too many digits': [
      route('{ field: a, equals: 9007199254740993 }'),
      /^routes\[0\]\.match\.equals: this whole number has too many digits/,
    ],
    'the tag header of a single route': [
      route('{ path: a }', 'database: d, table: t, tag_header: X'),
      /^routes\[0\]\.tag_header: unknown key; the key belongs to "records\.tag_header"$/,
    ],
    'envelope keys that collide with common ones': [
      `records: { time_key: x }\n${route('{ path: a }', 'database: d, table: t, shape: envelope, tag_key: x')}`,
      /^routes\[0\]\.shape: needs three different names/,
    ],
  }
  for (const [name, [yaml, expected]] of Object.entries(refused)) {
    it(`refuse ${name}`, () => {
      const mistakes = textsOf(yaml)
      assert.equal(mistakes.length, 1, mistakes.join('\n'))
      assert.match(mistakes[0] ?? '', expected)
    })

    it(`refuse ${name} also beside a mistake of another kind`, () => {
      assert.equal(textsOf(`${yaml}\nlog: { level: 7 }`).length, 2)
    })
  }

  it('accept conditions that differ in any part', () => {
    load(`routes:
  - { match: { path: p, tag: a }, database: d, table: t }
  - { match: { path: p, field: f, equals: "1" }, database: d, table: t }
  - { match: { path: p, field: f, equals: 1 }, database: d, table: t }
  - { match: { path: p, field: f }, database: d, table: t }
  - { match: { path: p, field: f, equals: null }, database: d, table: t }
  - { match: { path: p }, database: d, table: t }
  - { match: { tag: a }, database: d, table: t }
  - { match: { tag: "*" }, database: d, table: t }`)
  })

  it('do not repeat a template that comes from the environment', () => {
    const text = textsOf(route('{ tag: a }', 'database: d, table: "${T}", allowed_tables: [x]'), {
      T: 'hunter2/{tag}',
    }).join('\n')
    assert.match(text, /in the value of \$\{T\}/)
    assert.doesNotMatch(text, /hunter2/)
  })
})

describe('path_destinations', () => {
  it('reads both lists, of which an empty one is fine', () => {
    assert.deepEqual(
      load('path_destinations: { allowed_databases: ["Team-*"], allowed_tables: [] }').pathDestinations,
      {
        allowedDatabases: ['Team-*'],
        allowedTables: [],
      },
    )
  })

  it('refuses a name that Kusto would refuse', () => {
    assert.deepEqual(
      textsOf('path_destinations: { allowed_tables: ["", "a;*"] }').map((text) => text.split(':')[0]),
      ['path_destinations.allowed_tables[0]', 'path_destinations.allowed_tables[1]'],
    )
  })
})

describe('records', () => {
  it('reads every key', () => {
    const config = load(`records:
  shape: envelope
  time_key: a
  tag_key: b
  log_key: c
  tag_header: X-T
  date_key: d
  date_format: iso8601
  add: { e: 1.5, f: true, g: "{tag[0]}-{{x}}", "h.i": "{record.j}" }
  wrap_text: always
  text_key: k
  oversized_values: keep`)
    assert.deepEqual(config.records, {
      shape: 'envelope',
      timeKey: 'a',
      tagKey: 'b',
      logKey: 'c',
      tagHeader: 'X-T',
      dateKey: 'd',
      dateFormat: 'iso8601',
      add: [
        { key: 'e', value: 1.5 },
        { key: 'f', value: true },
        {
          key: 'g',
          value: [
            { kind: 'tag', index: 0 },
            { kind: 'text', text: '-{x}' },
          ],
        },
        { key: 'h.i', value: [{ kind: 'record', path: ['j'] }] },
      ],
      wrapText: 'always',
      textKey: 'k',
      oversizedValues: 'keep',
    })
  })

  it('keeps digits of a variable as text in an added field', () => {
    const { add } = load('records:\n  add:\n    node: ${NODE}', { NODE: '007' }).records
    assert.deepEqual(add, [{ key: 'node', value: [{ kind: 'text', text: '007' }] }])
  })

  it('takes an empty list of added fields for none', () => {
    assert.deepEqual(load('records:\n  add:').records.add, [])
  })

  for (const [yaml, expected] of [
    ['{ shape: envelop }', /^records\.shape: expected one of .*did you mean "envelope"\?$/],
    ['{ shape: envelope, log_key: tag }', /^records\.shape: needs three different names/],
    ['{ tag_header: "X Tag" }', /^records\.tag_header: expected the name of an HTTP header/],
    [
      '{ add: { a: [1] } }',
      /^records\.add\.a: expected text \(which may have placeholders\), a number, true or false, found a list$/,
    ],
    ['{ add: { a: "x{" } }', /^records\.add\.a: the placeholder at character 2 is unknown; known are/],
    ['{ add: { a: "x}" } }', /^records\.add\.a: the "\}" at character 2 closes nothing/],
    ['{ add: { a: .inf } }', /^records\.add\.a: expected (?:a number that JSON has|text)/],
    ['{ add: { "": 1 } }', /^records\.add\."": expected a name of 1 to 256 characters$/],
    ['{ add: [] }', /^records\.add: expected a mapping of at most 100 names .*, found a list$/],
    ['{ time_kei: x }', /^records\.time_kei: unknown key; did you mean "time_key"\?$/],
  ] as const) {
    it(`refuses ${yaml}`, () => {
      const mistakes = textsOf(`records: ${yaml}`)
      assert.equal(mistakes.length, 1, mistakes.join('\n'))
      assert.match(mistakes[0] ?? '', expected)
    })
  }

  it('tells the place of a mistake in an added field', () => {
    assert.match(
      mistakesIn(`${smallest}records:\n  add:\n    a: x\n    b: "{tag"\n`)[0] ?? '',
      /^sidecar\.yaml:6:8 /,
    )
  })
})
