import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aDestination, aBlock, someRecordSettings } from '../../helpers/batches.ts'
import { textsOf } from '../../helpers/records.ts'
import { aRoute, aRouter, nginxWrite, outcomeOf, refusalOf, shortOutcomeOf, targetOf } from './fixtures.ts'

const plainRouter = (...routes: Parameters<typeof aRoute>[0][]) =>
  aRouter({ routes: routes.map((route) => aRoute(route)) })

describe('routing by tag', () => {
  const router = plainRouter({ tag: 'kube.*', table: 'Kube' }, { path: '/ingest/p', tag: '*.x', table: 'X' })

  it('takes requests of every path whose tag fits', () => {
    assert.equal(shortOutcomeOf(router, { path: '/', tag: 'kube.a' }), 'Web.Kube')
    assert.equal(shortOutcomeOf(router, { path: '/ingest/a/b', tag: 'kube.' }), 'Web.Kube')
    assert.equal(shortOutcomeOf(router, { path: '/ingest/p', tag: 'a.x' }), 'Web.X')
  })

  it('goes on to the next rule for another tag, another case and no tag', () => {
    for (const tag of ['Kube.a', 'akube.b', '']) {
      assert.equal(shortOutcomeOf(router, { path: '/', tag }), 'Logs.Raw')
    }
    assert.equal(shortOutcomeOf(router, { path: '/' }), 'Logs.Raw')
    assert.equal(shortOutcomeOf(plainRouter({ tag: '*', table: 'Any' }), { path: '/' }), 'Logs.Raw')
  })

  it('tells that there are routes for a path when their other conditions do not hold', () => {
    assert.deepEqual(refusalOf(router, { path: '/ingest/p', tag: 'a' }), {
      code: 'ROUTE_NOT_FOUND',
      message:
        'The path "/ingest/p" has routes, but tag and fields fit none of them: add one that has only the path.',
    })
  })

  it('makes names from the tag, within what is allowed', () => {
    const router = plainRouter({
      tag: '*',
      database: '{tag[0]}',
      table: 'T-{tag[1]}',
      allowedDatabases: ['team-*'],
      allowedTables: ['T-a', 'T-*c'],
    })
    assert.equal(shortOutcomeOf(router, { path: '/', tag: 'team-x.abc' }), 'team-x.T-abc')
    assert.equal(
      targetOf(router, { path: '/', tag: 'team-x.a' }),
      targetOf(router, { path: '/other', tag: 'team-x.a.b' }),
    )
    assert.deepEqual(refusalOf(router, { path: '/', tag: 'other.a' }), {
      code: 'ROUTE_NOT_ALLOWED',
      message:
        'The database "other", made by routes[0].database, is not in routes[0].allowed_databases: add it there if it is wanted.',
    })
    assert.deepEqual(refusalOf(router, { path: '/', tag: 'team-x' }), {
      code: 'ROUTE_VALUE_MISSING',
      message: 'The table name cannot be made by routes[0].table: the tag "team-x" has too few parts.',
    })
    assert.match(
      refusalOf(router, { path: '/', tag: 'team-x./' }).message,
      /^The table name made by routes\[0\]\.table "T-\/" has the character/,
    )
    assert.equal(refusalOf(router, { path: '/', tag: 'team-;.a' }).code, 'ROUTE_NAME_INVALID')
  })

  it('misses the tag that a name is made of', () => {
    const router = plainRouter({ path: '/p', table: '{tag}' })
    assert.deepEqual(refusalOf(router, { path: '/p' }), {
      code: 'ROUTE_VALUE_MISSING',
      message: 'The table name cannot be made by routes[0].table: the request has no tag.',
    })
  })
})

describe('routing by field', () => {
  const cases: [string, string | number | boolean | null | undefined, string, boolean][] = [
    ['a.b', undefined, '{"a":{"b":0}}', true],
    ['a.b', undefined, '{"a":{"b":null}}', false],
    ['a.b', undefined, '{"a":"b"}', false],
    ['a', 'x', '{"\\u0061":"\\u0078"}', true],
    ['a', 'x', '{"a":"x","a":"y"}', false],
    ['a', '1', '{"a":1}', false],
    ['a', 1, '{"a":10e-1}', true],
    ['a', 1, '{"a":"1"}', false],
    ['a', true, '{"a":true}', true],
    ['a', true, '{"a":false}', false],
    ['a', null, '{"a":null}', true],
    ['a', null, '{}', false],
    ["r['service.name']", 'x', '{"r":{"service.name":"x"}}', true],
    ['a', 'x', '{"b":{"a":"x"}}', false],
  ]
  for (const [field, equals, record, holds] of cases) {
    it(`${field} ${equals === undefined ? 'is there' : `equals ${JSON.stringify(equals)}`}: ${holds} for ${record}`, () => {
      const router = plainRouter({ field, table: 'T', ...(equals === undefined ? {} : { equals }) })
      assert.equal(shortOutcomeOf(router, '/', record), holds ? 'Web.T' : 'Logs.Raw')
    })
  }

  it('needs path, tag and field together', () => {
    const router = plainRouter({ path: '/p', tag: 't', field: 'f', equals: 'x', table: 'T' })
    const head = { path: '/p', tag: 't' }
    assert.equal(shortOutcomeOf(router, head, '{"f":"x"}'), 'Web.T')
    assert.equal(shortOutcomeOf(router, head, '{"f":"y"}'), 'ROUTE_NOT_FOUND')
    assert.equal(shortOutcomeOf(router, { path: '/p', tag: 'u' }, '{"f":"x"}'), 'ROUTE_NOT_FOUND')
    assert.equal(shortOutcomeOf(router, { path: '/', tag: 't' }, '{"f":"x"}'), 'Logs.Raw')
  })

  it('is cut off by an earlier route that takes every record', () => {
    const router = plainRouter({ tag: 'a*', table: 'All' }, { field: 'f', table: 'T' })
    assert.equal(shortOutcomeOf(router, { path: '/', tag: 'ab' }, '{"f":1}'), 'Web.All')
    assert.equal(shortOutcomeOf(router, { path: '/', tag: 'b' }, '{"f":1}'), 'Web.T')
  })

  it('hands a block on as it is when the fields send all of it to one place', () => {
    const block = aBlock(['{"f":1}', '{"f":2}'])
    const { routed } = plainRouter({ field: 'f', table: 'T' }).plan({ path: '/' }).divide(block)
    assert.equal(routed[0]?.block, block)
  })

  it('makes names from the record, and never tells its values', () => {
    const router = plainRouter({
      path: '/p',
      database: '{record.ns}',
      table: 'T{record.app.id}',
      allowedDatabases: ['ok'],
      allowedTables: ['T*'],
    })
    assert.equal(shortOutcomeOf(router, '/p', '{"ns":"ok","app":{"id":7}}'), 'ok.T7')
    const missing = /lacks the field, or it is neither text nor a number\.$/
    for (const [record, code, message] of [
      ['{"app":{"id":7}}', 'ROUTE_VALUE_MISSING', missing],
      ['{"ns":"ok","app":{"id":true}}', 'ROUTE_VALUE_MISSING', missing],
      ['{"ns":"ok","app":{"id":{}}}', 'ROUTE_VALUE_MISSING', missing],
      ['{"ns":"secret","app":{"id":7}}', 'ROUTE_NOT_ALLOWED', /is not in routes\[0\]\.allowed_databases/],
      [
        '{"ns":"ok","app":{"id":"secret;"}}',
        'ROUTE_NAME_INVALID',
        /made by routes\[0\]\.table from the record/,
      ],
      [`{"ns":"ok","app":{"id":"secret${'x'.repeat(9_000)}"}}`, 'ROUTE_NAME_INVALID', /rules of Kusto/],
      [`{"ns":"ok","app":{"id":["secret${'x'.repeat(9_000)}"]}}`, 'ROUTE_VALUE_MISSING', missing],
    ] as const) {
      const refusal = refusalOf(router, '/p', record)
      assert.equal(refusal.code, code)
      assert.match(refusal.message, message)
      assert.doesNotMatch(refusal.message, /secret/)
    }
  })

  it('shares a target among bodies, and one error among the records of a body', () => {
    const router = plainRouter({ path: '/p', table: '{record.t}' })
    assert.equal(outcomeOf(router, '/p', '{"t":"a"}'), outcomeOf(router, '/p/', '{"x":1,"t":"a"}'))
    const { unrouted } = router.plan({ path: '/p' }).divide(aBlock(['{}', '{"t":[]}', '{"t":"a"}', '{}']))
    assert.deepEqual(
      unrouted.map(({ block }) => textsOf(block)),
      [['{}', '{"t":[]}', '{}']],
    )
  })

  it('tells names apart that are the same when they are joined, and routes that make the same name', () => {
    const router = aRouter({
      routes: [
        aRoute({ path: '/p', field: 'own', database: '{record.d}', table: '{record.t}', write: nginxWrite }),
        aRoute({ path: '/p', database: '{record.d}', table: '{record.t}' }),
      ],
    })
    const records = ['{"d":"ab","t":"c"}', '{"d":"a","t":"bc"}', '{"d":"ab","t":"c","own":1}']
    const { routed } = router.plan({ path: '/p' }).divide(aBlock(records))
    assert.deepEqual(
      routed.map(({ target: { destination, guarantee } }) => [
        destination.database,
        destination.table,
        guarantee,
      ]),
      [
        ['ab', 'c', 'at_least_once'],
        ['a', 'bc', 'at_least_once'],
        ['ab', 'c', 'none'],
      ],
    )
  })

  it('divides one body among a bounded number of destinations', () => {
    const router = aRouter({ routes: [aRoute({ path: '/p', table: '{record.t}' })], maxOpenDestinations: 3 })
    const names = ['a', 'b', 'a', 'c', 'd', 'e', 'a', 'd', 'c', 'b']
    const { routed, unrouted } = router.plan({ path: '/p' }).divide(aBlock(names.map((t) => `{"t":"${t}"}`)))
    assert.deepEqual(
      routed.map(({ target, block }) => [target.destination.table, block.ends.length]),
      [
        ['a', 3],
        ['b', 2],
        ['c', 2],
      ],
    )
    assert.equal(unrouted.length, 1)
    assert.equal(unrouted[0]?.why.code, 'ROUTE_TOO_MANY_IN_BODY')
    assert.equal(unrouted[0].block.ends.length, 3)
  })

  it('has no parts for a block without records', () => {
    const empty = { routed: [], unrouted: [] }
    for (const router of [plainRouter({ field: 'f', table: 'T' }), plainRouter()]) {
      assert.deepEqual(router.plan({ path: '/' }).divide(aBlock([])), empty)
    }
  })
})

describe('a plan', () => {
  const own = someRecordSettings({ wrapText: 'always' })

  it('has the settings of the route that takes records without fields', () => {
    const router = plainRouter(
      { path: '/p', field: 'f', table: 'A' },
      { path: '/p', tag: 't', table: 'B', records: own },
    )
    assert.equal(router.plan({ path: '/p', tag: 't' }).records, own)
    assert.notEqual(router.plan({ path: '/p' }).records, own)
    assert.equal(targetOf(router, { path: '/p', tag: 't' }).records, own)
  })

  it('is remembered, whatever the tag, when no route looks at tags', () => {
    const router = plainRouter({ path: '/p', table: 'A' })
    assert.equal(router.plan({ path: '/p', tag: 'a' }), router.plan({ path: '/p', tag: 'b' }))
  })

  it('is remembered for path and tag when one does', () => {
    const router = plainRouter({ tag: 'a', table: 'A' }, { field: 'f', table: 'T' })
    for (const tag of ['a', 'b']) {
      assert.equal(router.plan({ path: '/', tag }), router.plan({ path: '/', tag }))
    }
    assert.notEqual(router.plan({ path: '/', tag: 'a' }), router.plan({ path: '/', tag: 'b' }))
    assert.notEqual(router.plan({ path: '/', tag: '' }), router.plan({ path: '/' }))
  })
})

describe('the path of OTLP', () => {
  it('is routed without its end', () => {
    const router = plainRouter({ path: '/ingest/a', table: 'A' })
    for (const [path, expected] of [
      ['/v1/logs', 'Logs.Raw'],
      ['/v1/logs/', 'Logs.Raw'],
      ['/ingest/a/v1/logs', 'Web.A'],
      ['/ingest/a/b/v1/logs', 'a.b'],
    ] as const) {
      assert.equal(shortOutcomeOf(router, path), expected)
    }
  })

  it('goes to the route that names all of it first', () => {
    const router = plainRouter({ path: '/', table: 'Root' }, { path: '/v1/logs', field: 'f', table: 'Otlp' })
    assert.equal(shortOutcomeOf(router, '/v1/logs', '{"f":1}'), 'Web.Otlp')
    assert.equal(shortOutcomeOf(router, '/v1/logs'), 'Web.Root')
    assert.equal(shortOutcomeOf(router, '/', '{"f":1}'), 'Web.Root')
  })

  it('does not go before an earlier route for every path', () => {
    const router = plainRouter({ tag: 't', table: 'T' }, { path: '/v1/logs', table: 'Otlp' })
    assert.equal(shortOutcomeOf(router, { path: '/v1/logs', tag: 't' }), 'Web.T')
    assert.equal(shortOutcomeOf(router, '/v1/logs'), 'Web.Otlp')
  })
})

describe('path destinations', () => {
  const withLists = (allowedDatabases: string[], allowedTables: string[]) =>
    aRouter({ pathDestinations: { allowedDatabases, allowedTables } })

  it('may only have names of the lists', () => {
    const router = withLists(['Logs'], ['App*'])
    assert.equal(shortOutcomeOf(router, '/ingest/Logs/Apple'), 'Logs.Apple')
    assert.deepEqual(refusalOf(router, '/ingest/Logs/Other'), {
      code: 'ROUTE_NOT_ALLOWED',
      message: 'The table "Other" is not in path_destinations.allowed_tables: add it there if it is wanted.',
    })
    assert.match(refusalOf(router, '/ingest/logs/Apple').message, /^The database "logs" is not in path_dest/)
  })

  it('do not bind routes with fixed names', () => {
    assert.equal(shortOutcomeOf(withLists([], []), '/ingest/nginx'), 'Web.Nginx')
    assert.equal(shortOutcomeOf(withLists([], []), '/'), 'Logs.Raw')
  })

  it('are switched off by an empty list', () => {
    for (const router of [withLists([], ['*']), withLists(['*'], [])]) {
      assert.deepEqual(refusalOf(router, '/ingest/Logs/App'), {
        code: 'ROUTE_NOT_FOUND',
        message: 'There is no route for the path "/ingest/Logs/App": add it to routes.',
      })
    }
  })
})

describe('targetFor', () => {
  const own = someRecordSettings({ shape: 'envelope' })
  const router = plainRouter(
    { tag: 't', table: '{tag}' },
    { path: '/a', table: 'Nginx', write: nginxWrite, records: own },
    { path: '/b', table: 'Nginx' },
  )

  it('has limits, guarantee and settings of the first route with this destination', () => {
    const destination = aDestination({ database: 'Web', table: 'Nginx', additionalTags: ['other'] })
    const target = router.targetFor(destination)
    assert.equal(target.destination, destination)
    assert.equal(target.guarantee, 'none')
    assert.equal(target.limits.batchSize, 2)
    assert.equal(target.records, own)
  })

  it('has the common ones for any other destination', () => {
    const target = router.targetFor(aDestination({ database: 'Web', table: 't' }))
    assert.deepEqual([target.limits.batchSize, target.guarantee], [1_000, 'at_least_once'])
  })
})
