import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { fixedText } from '../../../sidecar/core/template.ts'
import { mistakesIn, smallest } from './fixtures.ts'

describe('loadConfig defaults', () => {
  it('fills in every default of the Flink sink and of the sidecar', () => {
    assert.deepEqual(loadConfig(smallest, 'sidecar.yaml', {}), {
      server: {
        listen: { host: '0.0.0.0', port: 8080 },
        adminListen: { host: '127.0.0.1', port: 8081 },
        auth: { type: 'none' },
        tls: undefined,
        maxBodyBytes: 32 * 1_048_576,
        maxInFlightBytes: 256 * 1_048_576,
        maxInFlightRequests: 2_000,
        joinIdenticalRequests: true,
        shutdownGraceMs: 20_000,
      },
      kusto: {
        clusterUrl: 'https://c.kusto.windows.net',
        ingestionUrl: 'https://ingest-c.kusto.windows.net',
        auth: { type: 'default' },
      },
      defaultDestination: undefined,
      write: {
        batchIntervalMs: 30_000,
        batchSize: 1_000,
        maxRawBytes: 300_000_000,
        flushImmediately: false,
        deliveryGuarantee: 'at_least_once',
        settlement: { isExactlyOnce: false, isPolled: false, pollIntervalMs: 5_000, pollTimeoutMs: 300_000 },
        additionalTags: [],
        dropByTags: [],
      },
      checkpoint: undefined,
      retry: { maxAttempts: 3, baseIntervalMs: 1_000, maxIntervalMs: 60_000, cacheExpirationMs: 7_200_000 },
      journal: {
        enabled: true,
        directory: './kusto-sidecar-data/journal',
        maxDiskBytes: 10_240 * 1_048_576,
        syncIntervalMs: 500,
        compression: 'auto',
        dedup: 'auto',
        dedupWindowMs: 3_600_000,
        dedupMaxKeys: 200_000,
        dedupForgetWhenRead: 'loopback',
      },
      isDedupOn: false,
      deadLetter: {
        directory: './kusto-sidecar-data/dead-letter',
        maxDiskBytes: 1_024 * 1_048_576,
        whenFull: 'backpressure',
      },
      routes: [],
      pathDestinations: { allowedDatabases: ['*'], allowedTables: ['*'] },
      records: {
        shape: 'as_is',
        timeKey: 'timestamp',
        tagKey: 'tag',
        logKey: 'log',
        tagHeader: 'X-Fluent-Tag',
        dateKey: 'date',
        dateFormat: 'as_is',
        add: [],
        wrapText: 'content_type',
        textKey: 'message',
        oversizedValues: 'dead_letter',
      },
      unrouted: 'dead_letter',
      log: { level: 'info', format: 'json' },
    })
  })

  it('takes a section without content for an empty one', () => {
    const config = loadConfig(`${smallest}write:\nroutes:\nlog: {}\n`, 'sidecar.yaml', {})

    assert.equal(config.write.batchSize, 1_000)
    assert.deepEqual(config.routes, [])
  })

  it('refuses a value that is left empty, since that is more likely forgotten than meant', () => {
    assert.deepEqual(mistakesIn(`${smallest}write:\n  batch_size:\n`), [
      'sidecar.yaml:4:14  write.batch_size: expected a whole number from 1 to 10000000 (records), found nothing',
    ])
  })

  it('gives a route the common values of write, except for its own', () => {
    const config = loadConfig(
      `${smallest}write: { batch_size: 5, additional_tags: [a] }
routes:
  - { match: { path: nginx }, database: d, table: t, batch_size: 7 }
  - { match: { path: /other/ }, database: d, table: u, ingestion_mapping_ref: m, additional_tags: [] }
`,
      'sidecar.yaml',
      {},
    )

    assert.deepEqual(
      config.routes.map(({ match, database, table }) => [match.path, fixedText(database), fixedText(table)]),
      [
        ['/ingest/nginx', 'd', 't'],
        ['/other', 'd', 'u'],
      ],
    )
    assert.deepEqual(config.routes[0]?.write, { ...config.write, batchSize: 7 })
    assert.deepEqual(config.routes[1]?.write, {
      ...config.write,
      additionalTags: [],
      ingestionMappingRef: 'm',
    })
  })

  it('keeps the two defaults of POST / together', () => {
    const config = loadConfig(`${smallest}  database: d\n  table: t\n`, 'sidecar.yaml', {})

    assert.deepEqual(config.defaultDestination, { database: 'd', table: 't' })
  })
})

describe('loadConfig mistakes', () => {
  it('tells all mistakes at once, one line each, in the order of the file', () => {
    const text = `kusto:
  cluster_url: ftp://c.kusto.windows.net
  auth: { type: client_secret, client_secret: hunter2 }
write:
  batch_size: many
  batch_sise: 3
server: { max_body_mb: 64, max_in_flight_mb: 32 }
`
    assert.deepEqual(mistakesIn(text), [
      'sidecar.yaml:2:16  kusto.cluster_url: expected a URL of a host and nothing behind it, such as "https://mycluster.westeurope.kusto.windows.net", found other text',
      'sidecar.yaml:3:3  kusto.auth.tenant_id: is needed when kusto.auth.type is "client_secret", found nothing',
      'sidecar.yaml:3:3  kusto.auth.client_id: is needed when kusto.auth.type is "client_secret", found nothing',
      'sidecar.yaml:5:15  write.batch_size: expected a whole number from 1 to 10000000 (records), found "many"',
      'sidecar.yaml:6:3  write.batch_sise: unknown key; did you mean "batch_size"?',
      'sidecar.yaml:7:24  server.max_body_mb: is over server.max_in_flight_mb, so that the largest body could never be received',
    ])
  })

  for (const [value, found] of [
    ['"5"', '"5"'],
    ['1.5', '1.5'],
    ['0', '0'],
    ['10000001', '10000001'],
    ['.inf', 'Infinity'],
    ['true', 'true'],
    ['[1]', 'a list'],
    ['{ a: 1 }', 'a mapping'],
    ['30s', '"30s"'],
  ]) {
    it(`refuses ${value} where a whole number is expected`, () => {
      assert.deepEqual(mistakesIn(`${smallest}write:\n  batch_size: ${value}\n`), [
        `sidecar.yaml:4:15  write.batch_size: expected a whole number from 1 to 10000000 (records), found ${found}`,
      ])
    })
  }

  it('tells that a number must be quoted where text is expected', () => {
    assert.deepEqual(mistakesIn(`${smallest}  database: 7\n  table: t\n`), [
      'sidecar.yaml:3:13  kusto.database: expected the name of a database (letters, digits, "_", " ", "." and "-"), found a number; put it in quotes',
    ])
  })

  it('names the choice that was likely meant', () => {
    assert.deepEqual(mistakesIn(`${smallest}write: { delivery_guarantee: at_leest_once }\n`), [
      'sidecar.yaml:3:30  write.delivery_guarantee: expected one of "none", "at_least_once", "exactly_once", found "at_leest_once"; did you mean "at_least_once"?',
    ])
  })

  it('names what is required when the file is empty', () => {
    const expected =
      'sidecar.yaml:1:1  kusto.cluster_url: expected a URL of a host and nothing behind it, such as "https://mycluster.westeurope.kusto.windows.net", found nothing'
    for (const text of ['', '# nothing\n', '{}', 'kusto:\n']) assert.deepEqual(mistakesIn(text), [expected])
  })

  it('refuses a root that is no mapping', () => {
    const expected = 'expected a mapping with sections such as "kusto:" and "write:", found'
    assert.deepEqual(mistakesIn('- a\n'), [`sidecar.yaml:1:1  ${expected} a list`])
    assert.deepEqual(mistakesIn('hello\n'), [`sidecar.yaml:1:1  ${expected} a single value`])
  })

  it('tells where a key was written first when it is written twice', () => {
    assert.deepEqual(mistakesIn(`${smallest}log: { level: info }\nlog: { level: debug }\n`), [
      'sidecar.yaml:4:1  log: is written twice; the first is on line 3',
    ])
  })

  it('refuses a file of more than a million characters', () => {
    assert.deepEqual(mistakesIn(`${smallest}# ${'x'.repeat(1_000_000)}`), [
      'sidecar.yaml:1:1  expected at most 1000000 characters',
    ])
  })

  it('shows the first hundred mistakes and counts the rest', () => {
    const keys = Array.from({ length: 150 }, (_, index) => `zzz${index}: 1\n`).join('')
    const lines = mistakesIn(smallest + keys)

    assert.equal(lines.length, 101)
    assert.equal(lines.at(-1), 'sidecar.yaml: and 50 more mistakes')
  })
})

describe('loadConfig unknown keys', () => {
  const cases: Record<string, [string, string]> = {
    'the nearest key of the same level': [
      'write: { batch-Size: 1 }',
      'write.batch-Size: unknown key; did you mean "batch_size"?',
    ],
    'where the key belongs': [
      'max_body_mb: 1',
      'max_body_mb: unknown key; the key belongs to "server.max_body_mb"',
    ],
    'both the near key and the other place': [
      'journal: { max_body_mb: 1, enable: true }',
      'journal.max_body_mb: unknown key; the key belongs to "server.max_body_mb"',
    ],
    'a near key of another level': [
      'batch_intervall_ms: 1',
      'batch_intervall_ms: unknown key; did you mean "write.batch_interval_ms"?',
    ],
    'the keys of the level when nothing is near': [
      'log: { zzzzzzzz: 1 }',
      'log.zzzzzzzz: unknown key; expected one of "level", "format"',
    ],
    'keys of objects in JavaScript': [
      'log: { __proto__: { level: debug } }',
      'log.__proto__: unknown key; expected one of "level", "format"',
    ],
    'a key of another kind': ['log: { 80: 1 }', 'log.80: unknown key; expected one of "level", "format"'],
    'a key with characters that do not print': [
      'log: { "a\\u202Eb\\u0007": 1 }',
      'log."a?b?": unknown key; expected one of "level", "format"',
    ],
  }
  for (const [name, [line, expected]] of Object.entries(cases)) {
    it(`names ${name}`, () => {
      const [first] = mistakesIn(`${smallest}${line}\n`)
      assert.equal(first?.replace(/^\S+ {2}/, ''), expected)
    })
  }

  it('says of keys and choices of the whole design that they are not available', () => {
    const text = `${smallest}  ingestion: streaming\n  auth: { type: access_token }\n`
    assert.deepEqual(
      mistakesIn(text).map((line) => line.replace(/^\S+ {2}/, '')),
      [
        'kusto.ingestion: is not available in this version',
        'kusto.auth.type: "access_token" is not available in this version',
      ],
    )
  })
})

describe('loadConfig YAML', () => {
  const cases: Record<string, [string, RegExp]> = {
    'an open quote': ['a: "x\n', /:2:1 {2}a closing quote, a bracket, a comma or a colon is missing$/],
    'a tab': ['log:\n\tlevel: info\n', /:2:1 {2}a tab in the indentation; use spaces$/],
    'a wrong indentation': ['log:\n   level: info\n  format: json\n', /:3:\d+ {2}/],
    'two documents': ['---\nlog: {}\n---\nlog: {}\n', /:3:1 {2}a second document starts here; expected one$/],
    'an unknown tag': ['log: !custom x\n', /:1:6 {2}an unknown tag "!"/],
    'an alias without anchor': ['log: *x\n', /:1:6 {2}log: there is no anchor "&" before it/],
    'a mapping as a key': ['{ a: 1 }: 2\n', /:1:1 {2}expected a plain word as a key$/],
  }
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(`tells the line of ${name}`, () => {
      assert.match(mistakesIn(text).find((line) => !line.includes('cluster_url')) ?? '', expected)
    })
  }

  it('does not repeat what stands near a syntax error', () => {
    const text = 'kusto:\n  auth:\n    client_secret: "hunter2\\q"\n  x: hunter2: hunter2\n hunter2\n'
    const message = mistakesIn(text).join('\n')

    assert.match(message, /:3:28 {2}an unknown backslash sequence/)
    assert.doesNotMatch(message, /hunter2/)
  })

  it('uses anchors and aliases', () => {
    const text = `${smallest}routes:
  - { match: { path: a }, database: &db Logs, table: t }
  - { match: { path: b }, database: *db, table: t }
`
    const [, second] = loadConfig(text, 'sidecar.yaml', {}).routes
    assert.equal(fixedText(second?.database ?? []), 'Logs')
  })

  it('stops at aliases that multiply or contain themselves', () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `x${index + 1}: &x${index + 1} [${`*x${index},`.repeat(9)}]`,
    )
    assert.match(mistakesIn(`x0: &x0 [1]\n${levels.join('\n')}\n`).join('\n'), /too large or too deep/)
    assert.match(mistakesIn('a: &a [*a]\n').join('\n'), /too large or too deep/)
  })
})
