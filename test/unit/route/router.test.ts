import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { targetKey } from '../../../sidecar/core/destination.ts'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { someRecordSettings } from '../../helpers/batches.ts'
import { aRoute, aRouter, refusalOf, targetOf } from './fixtures.ts'
import { aBlock } from '../../helpers/batches.ts'

const refusal = (path: string, router = aRouter()) => refusalOf(router, path)

describe('createRouter', () => {
  it('sends a path of database and table there, with the common write options', () => {
    assert.deepEqual(targetOf(aRouter(), '/ingest/Logs/My%20Table'), {
      destination: {
        database: 'Logs',
        table: 'My Table',
        flushImmediately: false,
        additionalTags: ['common'],
        dropByTags: [],
      },
      limits: { batchIntervalMs: 30_000, batchSize: 1_000, maxRawBytes: 300_000_000 },
      guarantee: 'at_least_once',
      settlement: settledWhenQueued,
      records: someRecordSettings(),
    })
  })

  it('sends the path of a route to its target, with the write options of the route', () => {
    assert.deepEqual(targetOf(aRouter(), '/ingest/nginx'), {
      destination: {
        database: 'Web',
        table: 'Nginx',
        ingestionMappingRef: 'nginx_json',
        flushImmediately: true,
        additionalTags: [],
        dropByTags: ['d'],
      },
      limits: { batchIntervalMs: 1, batchSize: 2, maxRawBytes: 3 },
      guarantee: 'none',
      settlement: { ...settledWhenQueued, isPolled: true },
      records: someRecordSettings(),
    })
  })

  it('prefers a route to the database and table that its path could also mean', () => {
    assert.equal(targetOf(aRouter(), '/ingest/Logs/Special').destination.table, 'Elsewhere')
  })

  it('sends / to the default destination, and to a route for / first', () => {
    assert.equal(targetOf(aRouter(), '/').destination.table, 'Raw')
    const routes = [aRoute({ path: '/', table: 'Root' })]
    assert.equal(targetOf(aRouter({ routes }), '/').destination.table, 'Root')
  })

  for (const [path, same] of [
    ['/ingest/nginx/', '/ingest/nginx'],
    ['/ingest/%6eginx', '/ingest/nginx'],
    ['/ingest/Logs/T/', '/ingest/Logs/T'],
    ['/ingest/L%6Fgs/T', '/ingest/Logs/T'],
    ['/custom/path/', '/custom/path'],
  ] as const) {
    it(`treats ${path} as ${same}`, () => {
      const router = aRouter()
      assert.equal(targetKey(targetOf(router, path)), targetKey(targetOf(router, same)))
    })
  }

  it('gives the identical target for the same path', () => {
    const router = aRouter()
    for (const path of ['/', '/ingest/nginx', '/ingest/Logs/T'])
      assert.equal(targetOf(router, path), targetOf(router, path))
  })

  it('keeps the path that is in use, forgets others, and finds an equal target again', () => {
    const router = aRouter({ maxOpenDestinations: 2 })
    const used = targetOf(router, '/ingest/Logs/A')
    const forgotten = targetOf(router, '/ingest/Logs/B')
    for (const table of ['C', 'D']) {
      assert.equal(targetOf(router, '/ingest/Logs/A'), used)
      targetOf(router, `/ingest/Logs/${table}`)
    }
    assert.notEqual(targetOf(router, '/ingest/Logs/B'), forgotten)
    assert.deepEqual(targetOf(router, '/ingest/Logs/B'), forgotten)
  })

  it('remembers a bounded number of characters', () => {
    const router = aRouter({ maxOpenDestinations: 1_000_000 })
    const path = (index: number) => `/ingest/Logs/${index}${'x'.repeat(1_000)}`
    const first = targetOf(router, path(0))
    for (let index = 1; index < 1_000; index += 1) targetOf(router, path(index))

    assert.notEqual(targetOf(router, path(0)), first)
  })
})

describe('createRouter refusals', () => {
  for (const [path, expected] of [
    [
      '/ingest/unknown',
      'There is no route named "unknown": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      '/ingest',
      'There is no route for the path "/ingest": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      '/ingest/a/b/c',
      'There is no route for the path "/ingest/a/b/c": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      '/Ingest/a/b',
      'There is no route for the path "/Ingest/a/b": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      '/ingest%2Fnginx',
      'There is no route for the path "/ingest/nginx": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      '/ingest/%ZZ',
      'There is no route named "%ZZ": add it to routes, or post to /ingest/{database}/{table}.',
    ],
    [
      `/${'x'.repeat(99)}`,
      `There is no route for the path "/${'x'.repeat(39)}...": add it to routes, or post to /ingest/{database}/{table}.`,
    ],
  ] as const) {
    it(`finds no route for ${path.slice(0, 40)}`, () => {
      assert.deepEqual(refusal(path), { code: 'ROUTE_NOT_FOUND', message: expected })
    })
  }

  it('does not take a malformed path for a well-formed one that reads the same', () => {
    const router = aRouter({ routes: [aRoute({ path: '/ingest/%25ZZ', table: 't' })] })
    assert.equal(targetOf(router, '/ingest/%25ZZ').destination.table, 't')
    assert.equal(refusal('/ingest/%ZZ', router).code, 'ROUTE_NOT_FOUND')
  })

  it('finds no route for / without a default destination', () => {
    const router = aRouter({ routes: [], defaultDestination: undefined })
    assert.deepEqual(refusal('/', router), {
      code: 'ROUTE_NOT_FOUND',
      message:
        'The path "/" has no destination: set kusto.database and kusto.table, or post to /ingest/{database}/{table}.',
    })
  })

  for (const [path, expected] of [
    ['/ingest//T', /^The database name is empty\.$/],
    ['/ingest/Logs/%20%2F', /^The table name " \/" has the character "\/" \(U\+002F\)/],
    ['/ingest/a%2Fb/T', /^The database name "a\/b" has the character/],
    ['/ingest/Logs/..', /^The table name consists of dots alone\.$/],
    ['/ingest/Logs/%2e%2E', /^The table name consists of dots alone\.$/],
    ['/ingest/Logs/T%', /^The table name "T%" has a "%" that does not begin an escaped UTF-8 character\.$/],
    ['/ingest/Logs/%FF', /^The table name "%FF" has a "%" that does not begin/],
    ['/ingest/Logs/T%0a', /^The table name "T\?" has the character "\?" \(U\+000A\)/],
    ['/ingest/Logs/T;drop', /^The table name "T;drop" has the character ";"/],
    [`/ingest/Logs/${'x'.repeat(1_025)}`, /^The table name has 1025 characters, and 1024 are allowed\.$/],
  ] as const) {
    it(`refuses the names in ${path.slice(0, 40)}`, () => {
      const { code, message } = refusal(path)
      assert.equal(code, 'ROUTE_NAME_INVALID')
      assert.match(message, expected)
    })
  }

  it('sends to where an operator wants it, whatever routes say', () => {
    const router = aRouter()
    const { routed } = router
      .plan({ path: '/ingest/nginx', tag: 'any', to: { database: 'Logs', table: 'Wanted' } })
      .divide(aBlock(['{}']))
    assert.deepEqual(
      routed.map(({ target }) => [target.destination.database, target.destination.table]),
      [['Logs', 'Wanted']],
    )
  })
})
