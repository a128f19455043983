import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { mistakesIn, smallest } from './fixtures.ts'

const refused: Record<string, [string, RegExp]> = {
  'a body limit over the limit of all bodies': [
    'server: { max_body_mb: 257 }',
    /^server\.max_body_mb: is over server\.max_in_flight_mb/,
  ],
  'one address for both listeners': [
    'server: { listen: "127.0.0.1:9", admin_listen: "127.0.0.1:9" }',
    /^server\.admin_listen: is also server\.listen/,
  ],
  'an address that is a part of the other': [
    'server: { listen: "0.0.0.0:8081" }',
    /^server\.admin_listen: is also server\.listen/,
  ],
  'basic without anybody': [
    'server: { auth: { type: basic } }',
    /^server\.auth\.type: is "basic", which needs/,
  ],
  'bearer without any token': [
    'server: { auth: { type: bearer } }',
    /^server\.auth\.type: is "bearer", which needs token or/,
  ],
  'a name without its password': [
    'server: { auth: { type: basic, username: a, users_file: f } }',
    /^server\.auth\.password: is needed with/,
  ],
  'a password without its name': [
    'server: { auth: { type: basic, password: PLANTED, users_file: f } }',
    /^server\.auth\.username: is needed with/,
  ],
  'a credential that nobody is asked for': [
    'server: { auth: { token: PLANTED } }',
    /^server\.auth\.token: is not used when server\.auth\.type is "none"/,
  ],
  'a credential of another type': [
    'server: { auth: { type: basic, users_file: f, token_files: [a] } }',
    /^server\.auth\.token_files: is not used when server\.auth\.type is "basic"/,
  ],
  'a certificate without its key': ['server: { tls: { cert_file: a } }', /^server\.tls\.key_file: is needed/],
  'a key without its certificate': ['server: { tls: { key_file: a } }', /^server\.tls\.cert_file: is needed/],
  'a longest pause under the shortest': [
    'retry: { base_interval_ms: 60001 }',
    /^retry\.max_interval_ms: is under/,
  ],
  'one directory for two purposes': [
    'journal: { directory: x/y/../z }\ndead_letter: { directory: ./x/z/ }',
    /^dead_letter\.directory: is also journal\.directory/,
  ],
  'a journal in which the largest body may not find room': [
    'journal: { max_disk_mb: 63 }',
    /^journal\.max_disk_mb: is under twice server\.max_body_mb/,
  ],
  'a reply that comes after the shipper gave up': [
    'journal: { enabled: false }\nwrite: { batch_interval_ms: 30001 }',
    /^write\.batch_interval_ms: is over 30000: without a journal/,
  ],
  'such a reply for one route': [
    'journal: { enabled: false }\nroutes: [{ match: { path: a }, database: d, table: t, batch_interval_ms: 30001 }]',
    /^routes\[0\]\.batch_interval_ms: is over 30000/,
  ],
  'such a reply for one route by its guarantee': [
    'journal: { enabled: false }\nwrite: { batch_interval_ms: 30001, delivery_guarantee: none }\n' +
      'routes: [{ match: { path: a }, database: d, table: t, delivery_guarantee: at_least_once }]',
    /^routes\[0\]\.delivery_guarantee: is over 30000/,
  ],
  'a checkpoint table in no database': [
    'write: { checkpoint_table: Checks }',
    /^write\.checkpoint_database: expected the name of a database, since write\.checkpoint_table is set/,
  ],
  'a database of checkpoints without their table': [
    'write: { checkpoint_database: Logs }',
    /^write\.checkpoint_table: expected the name of a table/,
  ],
  'exactly once without a journal': [
    'journal: { enabled: false }\nwrite: { delivery_guarantee: exactly_once }',
    /^write\.delivery_guarantee: is "exactly_once", which needs journal\.enabled: true/,
  ],
  'exactly once without a journal for one route': [
    'journal: { enabled: false }\nroutes: [{ match: { path: a }, database: d, table: t, delivery_guarantee: exactly_once }]',
    /^routes\[0\]\.delivery_guarantee: is "exactly_once", which needs/,
  ],
  'polling without a journal': [
    'journal: { enabled: false }\nwrite: { poll_for_ingestion_status: true }',
    /^write\.poll_for_ingestion_status: needs journal\.enabled: true/,
  ],
  'polling without a journal for one route': [
    'journal: { enabled: false }\nroutes: [{ match: { path: a }, database: d, table: t, poll_for_ingestion_status: true }]',
    /^routes\[0\]\.poll_for_ingestion_status: needs journal\.enabled: true/,
  ],
  'requests that would be remembered nowhere': [
    'journal: { enabled: false, dedup: content }',
    /^journal\.dedup: is "content", which needs journal\.enabled: true/,
  ],
  'a batch that is given up before anybody asks': [
    'write: { poll_interval_ms: 6000, poll_timeout_ms: 5999 }',
    /^write\.poll_timeout_ms: is under poll_interval_ms/,
  ],
  'such a batch of one route': [
    'write: { poll_timeout_ms: 6000 }\nroutes: [{ match: { path: a }, database: d, table: t, poll_interval_ms: 6001 }]',
    /^routes\[0\]\.poll_interval_ms: is over poll_timeout_ms, which is that of write/,
  ],
  'a staging table without exactly_once': [
    'write: { commit: staging }',
    /^write\.commit: is "staging", which needs delivery_guarantee: exactly_once and not at_least_once/,
  ],
  'a staging table of one route without exactly_once': [
    'routes: [{ match: { path: a }, database: d, table: t, commit: staging }]',
    /^routes\[0\]\.commit: is "staging", which needs/,
  ],
  'a route that needs no staging table and inherits one': [
    'write: { delivery_guarantee: exactly_once, commit: staging }\nroutes: [{ match: { path: a }, database: d, table: t, delivery_guarantee: at_least_once }]',
    /^routes\[0\]\.delivery_guarantee: is "at_least_once", while write\.commit is "staging".*commit: in_place here/,
  ],
  'a suffix that no table name may have': [
    'write: { staging_table_suffix: "/x" }',
    /^write\.staging_table_suffix: .*"\/"/,
  ],
  'two routes with one path': [
    'routes:\n  - { match: { path: nginx }, database: d, table: t }\n  - { match: { path: /ingest/nginx/ }, database: d, table: u }',
    /^routes\[1\]\.match: takes only what routes\[0\] has taken before/,
  ],
  'a path of the sidecar itself': [
    'routes: [{ match: { path: /metrics }, database: d, table: t }]',
    /^routes\[0\]\.match\.path: this path is taken/,
  ],
  'a path that needs escaping': [
    'routes: [{ match: { path: "/a b" }, database: d, table: t }]',
    /^routes\[0\]\.match\.path: expected a path such as/,
  ],
  'a path that leads up': [
    'routes: [{ match: { path: /a/../b }, database: d, table: t }]',
    /^routes\[0\]\.match\.path: a path may not have/,
  ],
  'a route name that Kusto would refuse': [
    'routes: [{ match: { path: a }, database: "d;", table: t }]',
    /^routes\[0\]\.database: the name "d;" has the character ";"/,
  ],
  'an empty tag': [
    'write: { drop_by_tags: [""] }',
    /^write\.drop_by_tags\[0\]: expected text .* found empty text$/,
  ],
  'a tag with the prefix that is added': [
    'write: { drop_by_tags: ["drop-by:x"] }',
    /^write\.drop_by_tags\[0\]: write the tag/,
  ],
  'a database without a table': ['  database: d', /^kusto\.table: expected the name of a table, since/],
  'a table without a database': ['  table: d', /^kusto\.database: expected the name of a database, since/],
  'plain http to another host': [
    '  ingestion_url: http://c.example',
    /^kusto\.ingestion_url: expected https/,
  ],
  'a secret that would not be used': [
    '  auth: { type: managed_identity, client_secret: x }',
    /^kusto\.auth\.client_secret: is not used when/,
  ],
  'a tenant for no credential at all': [
    '  auth: { type: none, tenant_id: x }',
    /^kusto\.auth\.tenant_id: is not used/,
  ],
}

describe('impossible combinations', () => {
  for (const [name, [lines, expected]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      const mistakes = mistakesIn(`${smallest}${lines}\n`)
      assert.equal(mistakes.length, 1, mistakes.join('\n'))
      assert.match((mistakes[0] ?? '').replace(/^\S+ {2}/, ''), expected)
    })

    it(`refuses ${name} also beside a mistake of another kind`, () => {
      const mistakes = mistakesIn(
        `${smallest}${lines}\nlog: { level: 7, format: [], zzz: 1 }\nunrouted: 1.5\n`,
      )
      assert.equal(mistakes.length, 5, mistakes.join('\n'))
    })
  }

  it('tells them beside a fraction and beside an unknown key of the same section', () => {
    const mistakes = mistakesIn(
      `${smallest}server: { max_body_mb: 257, zzz: 1 }\nwrite: { batch_size: 1.5 }\n`,
    )
    assert.equal(mistakes.length, 3, mistakes.join('\n'))
  })

  it('says nothing about a combination with a value that is wrong in itself', () => {
    const mistakes = mistakesIn(`${smallest}server: { max_body_mb: 999999, max_in_flight_mb: 1 }\n`)
    assert.equal(mistakes.length, 1)
  })

  it('survives sections of any wrong type', () => {
    for (const value of ['5', 'x', '[]', 'true']) {
      const sections = [
        'server',
        'kusto',
        'write',
        'retry',
        'journal',
        'dead_letter',
        'records',
        'routes',
        'path_destinations',
        'log',
      ]
      const mistakes = mistakesIn(sections.map((section) => `${section}: ${value}\n`).join(''))
      assert.equal(mistakes.length, value === '[]' ? sections.length - 1 : sections.length)
    }
    assert.equal(
      mistakesIn(`${smallest}routes: [5, null, [], { match: 7, database: d, table: t }]\n`).length,
      6,
    )
  })
})

describe('possible combinations', () => {
  const accepted: Record<string, string> = {
    'no journal and a short interval': 'journal: { enabled: false }\nwrite: { batch_interval_ms: 30000 }',
    'no journal and no guarantee':
      'journal: { enabled: false }\nwrite: { batch_interval_ms: 60000, delivery_guarantee: none }',
    'no journal and no memory of requests':
      'journal: { enabled: false, dedup: "off" }\nwrite: { batch_interval_ms: 30000, poll_interval_ms: 10, poll_timeout_ms: 10 }',
    'exactly once for one route':
      'routes: [{ match: { path: a }, database: d, table: t, delivery_guarantee: exactly_once, poll_interval_ms: 7000 }]',
    'a staging table for all but one route':
      'write: { delivery_guarantee: exactly_once, commit: staging }\nroutes: [{ match: { path: a }, database: d, table: t, delivery_guarantee: at_least_once, commit: in_place }]',
    'exactly once without a memory of requests':
      'journal: { dedup: "off" }\nwrite: { delivery_guarantee: exactly_once }',
    'plain http when it is allowed': '  ingestion_url: http://c.example\n  allow_plain_http: true',
    'plain http on this machine': '  ingestion_url: http://127.0.0.1:9',
    'no credential': '  auth: { type: none }',
    'the path / for a route': 'routes: [{ match: { path: / }, database: d, table: t }]',
  }
  for (const [name, lines] of Object.entries(accepted)) {
    it(`accepts ${name}`, () => {
      loadConfig(`${smallest}${lines}\n`, 'sidecar.yaml', {})
    })
  }

  it('gives each type of credential what it needs', () => {
    for (const [yaml, expected] of [
      [
        'type: client_secret, tenant_id: a, client_id: b, client_secret: c',
        { type: 'client_secret', tenantId: 'a', clientId: 'b', clientSecret: 'c' },
      ],
      [
        'type: workload_identity, tenant_id: a, client_id: b, token_file: c',
        { type: 'workload_identity', tenantId: 'a', clientId: 'b', tokenFile: 'c' },
      ],
      ['type: managed_identity, client_id: b', { type: 'managed_identity', clientId: 'b' }],
      ['type: azure_cli', { type: 'azure_cli' }],
      ['tenant_id: a', { type: 'default', tenantId: 'a' }],
      ['type: none', { type: 'none' }],
    ] as const) {
      assert.deepEqual(loadConfig(`${smallest}  auth: { ${yaml} }\n`, 'f', {}).kusto.auth, expected)
    }
  })
})
