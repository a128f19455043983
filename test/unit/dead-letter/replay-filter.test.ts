import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  parseReplayFilter,
  replayFilterJson,
  type ReplayFilter,
} from '../../../sidecar/dead-letter/replay-filter.ts'

const timeMs = fc.integer({ min: 0, max: 4e12 })

describe('parseReplayFilter', () => {
  it('reads what was written, through JSON', () => {
    const filter = fc.record<ReplayFilter>(
      {
        code: fc.string(),
        destination: fc.string({ unit: 'binary' }),
        sinceMs: timeMs,
        untilMs: timeMs,
        to: fc.constantFrom({ database: 'My Logs', table: 'T-1' }, { database: 'a.b', table: 'ü' }),
        limit: fc.integer({ min: 1 }),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    fc.assert(
      fc.property(filter, (filter) => {
        assert.deepEqual(parseReplayFilter(JSON.parse(JSON.stringify(replayFilterJson(filter)))), filter)
      }),
    )
  })

  it('selects everything when nothing is said', () => {
    assert.deepEqual(parseReplayFilter(undefined), {})
    assert.deepEqual(parseReplayFilter({}), {})
  })

  for (const [value, message] of [
    [null, /JSON object/],
    [[], /JSON object/],
    ['x', /JSON object/],
    [{ cod: 'C' }, /no key "cod"; known are code, destination/],
    [{ code: 1 }, /"code" has to be text/],
    [{ since: '2h' }, /"since" has to be a time/],
    [{ until: '2026-13-01T00:00:00Z' }, /"until" has to be a time/],
    [{ to: 'a' }, /DATABASE\/TABLE/],
    [{ to: 'a/b/c' }, /DATABASE\/TABLE/],
    [{ to: "a/b'" }, /table name/],
    [{ limit: 0 }, /whole number/],
    [{ limit: 1.5 }, /whole number/],
    [{ limit: '1' }, /whole number/],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseReplayFilter(value), { code: 'ADMIN_REQUEST_INVALID', message })
    })
  }
})
