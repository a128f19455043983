import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { targetKey } from '../../../sidecar/core/destination.ts'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { aTarget } from '../../helpers/batches.ts'
import { smallest } from './fixtures.ts'

const load = (lines: string) => loadConfig(`${smallest}${lines}\n`, 'sidecar.yaml', {})
const aRoute = (settings: string) => `{ match: { path: a }, database: d, table: t, ${settings} }`

describe('how a batch is settled', () => {
  it('follows from the guarantee, or from polling alone', () => {
    const cases = [
      ['', false, false],
      ['poll_for_ingestion_status: true', false, true],
      ['delivery_guarantee: exactly_once', true, true],
      ['delivery_guarantee: exactly_once, poll_for_ingestion_status: false', true, true],
    ] as const
    for (const [keys, isExactlyOnce, isPolled] of cases) {
      const { settlement } = load(`write: { ${keys} }`).write
      assert.deepEqual([settlement.isExactlyOnce, settlement.isPolled], [isExactlyOnce, isPolled], keys)
    }
  })

  it('can differ for a route', () => {
    const { routes } = load(
      `write: { poll_interval_ms: 7000, delivery_guarantee: exactly_once }\n` +
        `routes: [${aRoute('delivery_guarantee: at_least_once, poll_timeout_ms: 8000')}]`,
    )
    assert.deepEqual(routes[0]?.write.settlement, {
      isExactlyOnce: false,
      isPolled: false,
      pollIntervalMs: 7_000,
      pollTimeoutMs: 8_000,
    })
  })
})

describe('how rows come into their table', () => {
  it('is in place unless asked otherwise, with a suffix of its own if wanted', () => {
    const suffix = (keys: string) =>
      load(`write: { delivery_guarantee: exactly_once, ${keys} }`).write.settlement.stagingTableSuffix
    assert.equal(suffix('commit: in_place'), undefined)
    assert.equal(suffix('staging_table_suffix: .x'), undefined)
    assert.equal(suffix('commit: staging'), '_staging')
    assert.equal(suffix('commit: staging, staging_table_suffix: .x'), '.x')
  })

  it('can differ for a route', () => {
    const { write, routes } = load(`routes: [${aRoute('delivery_guarantee: exactly_once, commit: staging')}]`)
    assert.equal(write.settlement.stagingTableSuffix, undefined)
    assert.equal(routes[0]?.write.settlement.stagingTableSuffix, '_staging')
  })

  it('is a reason for a batch of its own', () => {
    const settlement = { ...settledWhenQueued, isExactlyOnce: true }
    const keys = [
      settlement,
      { ...settlement, stagingTableSuffix: 'a' },
      { ...settlement, stagingTableSuffix: 'b' },
    ]
    assert.equal(new Set(keys.map((one) => targetKey(aTarget({ settlement: one })))).size, 3)
  })
})

describe('whether requests are remembered', () => {
  const exactlyOnce = 'delivery_guarantee: exactly_once'
  const cases: Record<string, [string, boolean]> = {
    'not by default': ['', false],
    'with exactly_once': [`write: { ${exactlyOnce} }`, true],
    'with exactly_once for one route': [`routes: [${aRoute(exactlyOnce)}]`, true],
    'not when it is off': [`write: { ${exactlyOnce} }\njournal: { dedup: "off" }`, false],
    'by content at any guarantee': ['journal: { dedup: content }', true],
    'by key at any guarantee': ['journal: { dedup: idempotency_key }', true],
  }
  for (const [name, [lines, expected]] of Object.entries(cases)) {
    it(name, () => {
      assert.equal(load(lines).isDedupOn, expected)
    })
  }

  it('has its limits in milliseconds and keys', () => {
    const { journal } = load(
      'journal: { dedup: content, dedup_window_seconds: 60, dedup_max_keys: 5, dedup_forget_when_read: all }',
    )
    assert.equal(journal.dedup, 'content')
    assert.equal(journal.dedupWindowMs, 60_000)
    assert.equal(journal.dedupMaxKeys, 5)
    assert.equal(journal.dedupForgetWhenRead, 'all')
  })
})

describe('the checkpoint table', () => {
  const table = 'write: { checkpoint_table: Checks }'
  const kusto = '  database: Logs\n  table: App\n'
  const cases: Record<string, [string, unknown]> = {
    'is asked for by its name, in the database of kusto': [
      kusto + table,
      { database: 'Logs', table: 'Checks' },
    ],
    'has a database of its own': [
      `${kusto}write: { checkpoint_table: Checks, checkpoint_database: Audit }`,
      { database: 'Audit', table: 'Checks' },
    ],
    'needs no default destination': [
      'write: { checkpoint_table: Checks, checkpoint_database: Audit }',
      { database: 'Audit', table: 'Checks' },
    ],
  }
  for (const [name, [lines, expected]] of Object.entries(cases)) {
    it(name, () => {
      assert.deepEqual(load(lines).checkpoint, expected)
    })
  }

  it('is none of a route', () => {
    assert.throws(() => load(`routes: [${aRoute('checkpoint_table: Checks')}]`), /checkpoint_table/)
  })
})
