import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { planFingerprint } from '../../../sidecar/config/plan-fingerprint.ts'
import { smallest } from './fixtures.ts'

const load = (lines: string) => loadConfig(`${smallest}${lines}\n`, 'sidecar.yaml', {})
const fingerprintOf = (lines: string, version = '1.0.0') => planFingerprint(load(lines), version)
const base = '  database: d\n  table: t\nroutes: [{ match: { path: a }, database: d, table: t }]'

describe('planFingerprint', () => {
  it('is a number of 32 bits, and always the same for one configuration', () => {
    const fingerprint = fingerprintOf(base)
    assert(Number.isInteger(fingerprint) && fingerprint >= 0 && fingerprint < 2 ** 32)
    assert.equal(fingerprintOf(base), fingerprint)
  })

  it('does not depend on what has no say in how a body is cut, nor on the order of keys', () => {
    const fingerprint = fingerprintOf(base)
    for (const lines of [
      `${base}\nserver: { listen: "127.0.0.1:1" }`,
      `${base}\njournal: { directory: x, dedup: content }`,
      `${base}\nlog: { level: debug }`,
      '  table: t\n  database: d\nroutes: [{ table: t, database: d, match: { path: /ingest/a } }]',
      `${base}\nwrite: { batch_size: 1000 }`,
    ]) {
      assert.equal(fingerprintOf(lines), fingerprint, lines)
    }
    const config = load(base)
    const shuffled = { ...config, write: Object.fromEntries(Object.entries(config.write).toReversed()) }
    assert.equal(planFingerprint(shuffled as typeof config, '1.0.0'), fingerprint)
  })

  it('differs when anything that decides it differs', () => {
    const route = (more: string, match = 'path: a') =>
      `  database: d\n  table: t\nroutes: [{ match: { ${match} }, database: d, table: t${more} }]`
    const all = [
      base,
      route('', 'path: b'),
      route('', 'path: a, tag: x'),
      route('', 'path: a, field: x'),
      route('', 'path: a, field: x, equals: 1'),
      route('', 'path: a, field: x, equals: "1"'),
      route(', shape: envelope'),
      route(', batch_size: 7'),
      route(', delivery_guarantee: exactly_once'),
      route(', poll_for_ingestion_status: true'),
      route(', additional_tags: [x, y]'),
      route(', additional_tags: [y, x]'),
      route(', add: { x: "{tag}" }'),
      `${base}\nrecords: { wrap_text: always }`,
      `${base}\nrecords: { tag_header: X-Tag }`,
      `${base}\nrecords: { add: { x: 1 } }`,
      `${base}\nunrouted: reject`,
      `${base}\npath_destinations: { allowed_tables: [x] }`,
      `${base}\nwrite: { flush_immediately: true }`,
      '  database: d\n  table: t',
      '',
    ]
    const fingerprints = [...all.map((lines) => fingerprintOf(lines)), fingerprintOf(base, '1.0.1')]
    assert.equal(new Set(fingerprints).size, fingerprints.length)
  })
})
