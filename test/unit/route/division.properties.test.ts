import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Target } from '../../../sidecar/core/destination.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { kustoNameProblem } from '../../../sidecar/core/kusto-name.ts'
import { aBlock } from '../../helpers/batches.ts'
import { textsOf } from '../../helpers/records.ts'
import { aRoute, aRouter } from './fixtures.ts'

type RouteText = Parameters<typeof aRoute>[0]

const scalar = fc.constantFrom('x', '1', 1, 0, true, null, 'a b', 'bad;')
const route: fc.Arbitrary<RouteText> = fc.record(
  {
    path: fc.constantFrom('/', '/p', '/ingest/a/b'),
    tag: fc.constantFrom('*', 'a.*', '*b', 'a.b'),
    field: fc.constantFrom('f', 'g.h', 'f.f'),
    equals: scalar,
    table: fc.constantFrom('Fixed', '{tag}', '{tag[1]}', '{record.f}', '{record.g.h}-{tag[0]}'),
    allowedTables: fc.constantFrom(['*'], ['x*', 'a*'], ['1']),
  },
  { requiredKeys: ['table'] },
)
const value = fc.oneof(scalar, fc.constant({ f: 1 }))
const record = fc.record(
  { f: value, g: fc.oneof(value, fc.record({ h: value })), id: fc.nat() },
  { requiredKeys: ['id'] },
)
const head = fc.record(
  { path: fc.constantFrom('/', '/p', '/ingest/a/b', '/none'), tag: fc.constantFrom('a.b', 'a.c', 'b', '') },
  { requiredKeys: ['path'] },
)

type Plain = { readonly [key: string]: unknown }

function fieldOf(record: unknown, path: string): unknown {
  let found = record
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.hasOwn(found, key) ? (found as Plain)[key] : undefined
  }
  return found
}

/** What the router must say, by the rules as a person reads them: a name, or a code. */
function modelOf(routes: readonly RouteText[], head: { path: string; tag?: string }, record: Plain): string {
  for (const route of routes) {
    if (route.path !== undefined && route.path !== head.path) continue
    if (route.tag !== undefined) {
      const pattern = new RegExp(`^${route.tag.split('*').map(RegExp.escape).join('.*')}$`)
      if (head.tag === undefined || !pattern.test(head.tag)) continue
    }
    if (route.field !== undefined) {
      const value = fieldOf(record, route.field)
      if (route.equals === undefined ? value === undefined || value === null : value !== route.equals)
        continue
    }
    return modelName(route, head.tag, record)
  }
  if (head.path === '/') return 'Raw'
  return head.path === '/ingest/a/b' ? 'b' : 'ROUTE_NOT_FOUND'
}

function modelName(route: RouteText, tag: string | undefined, record: Plain): string {
  let isMissing = false
  const name = route.table.replace(/\{(\w+)(?:\[(\d)\]|\.([\w.]+))?\}/g, (_, kind, part, path) => {
    const value =
      kind === 'record'
        ? fieldOf(record, String(path))
        : part === undefined
          ? tag
          : tag?.split('.')[Number(part)]
    if (typeof value !== 'string' && typeof value !== 'number') isMissing = true
    return String(value)
  })
  if (isMissing) return 'ROUTE_VALUE_MISSING'
  if (name === route.table) return name
  if (kustoNameProblem(name) !== undefined) return 'ROUTE_NAME_INVALID'
  const isAllowed = route.allowedTables?.some((pattern) =>
    new RegExp(`^${pattern.split('*').map(RegExp.escape).join('.*')}$`).test(name),
  )
  return isAllowed === false ? 'ROUTE_NOT_ALLOWED' : name
}

function nameOf(outcome: Target | SidecarError): string {
  return outcome instanceof SidecarError ? outcome.code : outcome.destination.table
}

describe('the division of a block, for any routes and records', () => {
  it('has every record once, in its order, where the first fitting route sends it', () => {
    fc.assert(
      fc.property(
        fc.array(route, { maxLength: 5 }),
        fc.array(head, { minLength: 1, maxLength: 3 }),
        fc.array(record, { maxLength: 12 }),
        (routes, heads, values) => {
          const router = aRouter({ routes: routes.map((text) => aRoute(text)) })
          const records = values.map((value, index) => ({ ...value, id: index }))
          for (const head of [...heads, ...heads]) {
            const { routed, unrouted } = router
              .plan(head)
              .divide(aBlock(records.map((value) => JSON.stringify(value))))
            const parts = [
              ...routed.map(({ target, block }) => ({ name: nameOf(target), block })),
              ...unrouted.map(({ why, block }) => ({ name: nameOf(why), block })),
            ]
            const seen: string[] = []
            for (const { name, block } of parts) {
              const ids = textsOf(block).map((text) => (JSON.parse(text) as { id: number }).id)
              assert(ids.length > 0, 'a part is empty')
              assert.deepEqual(
                ids,
                ids.toSorted((a, b) => a - b),
              )
              for (const id of ids) {
                assert.equal(seen[id], undefined, 'a record is in two parts')
                seen[id] = name
              }
            }
            const expected = records.map((value) => modelOf(routes, head, value))
            assert.deepEqual(seen, expected)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
