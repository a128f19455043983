import assert from 'node:assert/strict'
import { parseFieldPath } from '../../../sidecar/core/field-path.ts'
import type { Target, WriteSettings } from '../../../sidecar/core/destination.ts'
import type { SidecarError } from '../../../sidecar/core/errors.ts'
import type { Router } from '../../../sidecar/core/ports.ts'
import type { RequestHead } from '../../../sidecar/core/request-head.ts'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { parseTemplate, type Template } from '../../../sidecar/core/template.ts'
import type { RouteOptions } from '../../../sidecar/route/route.ts'
import { createRouter, type RouterOptions } from '../../../sidecar/route/router.ts'
import { aBlock, someRecordSettings } from '../../helpers/batches.ts'

export const write: WriteSettings = {
  batchIntervalMs: 30_000,
  batchSize: 1_000,
  maxRawBytes: 300_000_000,
  flushImmediately: false,
  deliveryGuarantee: 'at_least_once',
  settlement: settledWhenQueued,
  additionalTags: ['common'],
  dropByTags: [],
}

export const nginxWrite: WriteSettings = {
  batchIntervalMs: 1,
  batchSize: 2,
  maxRawBytes: 3,
  flushImmediately: true,
  deliveryGuarantee: 'none',
  settlement: { ...settledWhenQueued, isPolled: true },
  additionalTags: [],
  dropByTags: ['d'],
  ingestionMappingRef: 'nginx_json',
}

export function template(text: string): Template {
  const parsed = parseTemplate(text)
  assert('value' in parsed, text)
  return parsed.value
}

type RouteText = {
  readonly path?: string
  readonly tag?: string
  readonly field?: string
  readonly equals?: string | number | boolean | null
  readonly database?: string
  readonly table: string
  readonly allowedDatabases?: readonly string[]
  readonly allowedTables?: readonly string[]
} & Partial<Pick<RouteOptions, 'write' | 'records'>>

/** A route of texts as they stand in a file; the database is `Web` and everything is allowed. */
export function aRoute(text: RouteText): RouteOptions {
  const field = text.field === undefined ? undefined : parseFieldPath(text.field)
  assert(field === undefined || 'value' in field)
  return {
    match: {
      ...(text.path === undefined ? {} : { path: text.path }),
      ...(text.tag === undefined ? {} : { tag: text.tag }),
      ...(field === undefined
        ? {}
        : { field: { path: field.value, ...(text.equals === undefined ? {} : { equals: text.equals }) } }),
    },
    database: template(text.database ?? 'Web'),
    table: template(text.table),
    allowedDatabases: text.allowedDatabases ?? ['*'],
    allowedTables: text.allowedTables ?? ['*'],
    write: text.write ?? write,
    records: text.records ?? someRecordSettings(),
  }
}

/** A router with the default destination `Logs.Raw` and a few routes. */
export function aRouter(overrides: Partial<RouterOptions> = {}): Router {
  return createRouter({
    routes: [
      aRoute({ path: '/ingest/nginx', table: 'Nginx', write: nginxWrite }),
      aRoute({ path: '/custom/path', table: 'Custom' }),
      aRoute({ path: '/ingest/Logs/Special', table: 'Elsewhere' }),
    ],
    pathDestinations: { allowedDatabases: ['*'], allowedTables: ['*'] },
    defaultDestination: { database: 'Logs', table: 'Raw' },
    write,
    records: someRecordSettings(),
    maxOpenDestinations: 100,
    ...overrides,
  })
}

type Head = string | RequestHead

function headOf(head: Head): RequestHead {
  return typeof head === 'string' ? { path: head } : head
}

/** Where one record goes, or why it goes nowhere. */
export function outcomeOf(router: Router, head: Head, record = '{}'): Target | SidecarError {
  const { routed, unrouted } = router.plan(headOf(head)).divide(aBlock([record]))
  assert.equal(routed.length + unrouted.length, 1)
  const outcome = routed[0]?.target ?? unrouted[0]?.why
  assert(outcome !== undefined)
  return outcome
}

export function targetOf(router: Router, head: Head, record?: string): Target {
  const outcome = outcomeOf(router, head, record)
  assert('destination' in outcome, outcome instanceof Error ? outcome.message : '')
  return outcome
}

export function refusalOf(router: Router, head: Head, record?: string): { code: string; message: string } {
  const outcome = outcomeOf(router, head, record)
  assert(outcome instanceof Error, 'there is a target')
  return { code: outcome.code, message: outcome.message }
}

/** `database.table`, or the code. */
export function shortOutcomeOf(router: Router, head: Head, record?: string): string {
  const outcome = outcomeOf(router, head, record)
  return outcome instanceof Error
    ? outcome.code
    : `${outcome.destination.database}.${outcome.destination.table}`
}
