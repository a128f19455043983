import type { Router } from '../../../sidecar/core/ports.ts'
import { createRouter, type RouterOptions } from '../../../sidecar/route/router.ts'
import type { WriteSettings } from '../../../sidecar/core/destination.ts'

export const write: WriteSettings = {
  batchIntervalMs: 30_000,
  batchSize: 1_000,
  maxRawBytes: 300_000_000,
  flushImmediately: false,
  deliveryGuarantee: 'at_least_once',
  additionalTags: ['common'],
  dropByTags: [],
}

const nginxWrite: WriteSettings = {
  batchIntervalMs: 1,
  batchSize: 2,
  maxRawBytes: 3,
  flushImmediately: true,
  deliveryGuarantee: 'none',
  additionalTags: [],
  dropByTags: ['d'],
  ingestionMappingRef: 'nginx_json',
}

/** A router with the default destination `Logs.Raw` and a few routes. */
export function aRouter(overrides: Partial<RouterOptions> = {}): Router {
  return createRouter({
    routes: [
      { path: '/ingest/nginx', database: 'Web', table: 'Nginx', write: nginxWrite },
      { path: '/custom/path', database: 'Web', table: 'Custom', write },
      { path: '/ingest/Logs/Special', database: 'Web', table: 'Elsewhere', write },
    ],
    defaultDestination: { database: 'Logs', table: 'Raw' },
    write,
    maxOpenDestinations: 100,
    ...overrides,
  })
}
