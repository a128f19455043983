import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Target } from '../../../sidecar/core/destination.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { Router } from '../../../sidecar/core/ports.ts'
import { aRouter, outcomeOf as recordOutcomeOf, targetOf } from './fixtures.ts'

type Outcome = Target | { readonly code: string; readonly message: string }

function outcomeOf(router: Router, path: string): Outcome {
  const outcome = recordOutcomeOf(router, path)
  if (!(outcome instanceof SidecarError)) return outcome
  assert(['ROUTE_NOT_FOUND', 'ROUTE_NAME_INVALID'].includes(outcome.code), outcome.code)
  return { code: outcome.code, message: outcome.message }
}

const piece = fc.oneof(
  fc.constantFrom(
    '/',
    'ingest',
    'nginx',
    'Logs',
    'T',
    'custom',
    'path',
    '%2F',
    '%',
    '%FF',
    '%C3%A4',
    '.',
    '..',
    ' ',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const path = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`),
  fc.array(piece, { maxLength: 4 }).map((pieces) => `/ingest/${pieces.join('/')}`),
  fc.string({ unit: 'binary', maxLength: 30 }),
)
const name = fc.stringMatching(/^[\p{L}\p{Nd}_ -]{1,20}$/u)

describe('the router, for any path', () => {
  it('answers a target or a refusal of the catalogue, with a short printable sentence', () => {
    fc.assert(
      fc.property(path, (path) => {
        const outcome = outcomeOf(aRouter(), path)
        if (!('code' in outcome)) return
        assert(outcome.message.length < 250)
        assert.match(outcome.message, /^[A-Z][^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*\.$/u)
      }),
      { numRuns: 1_000 },
    )
  })

  it('answers the same with a warm cache, a tiny cache and a fresh router', () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 20 }), (paths) => {
        const warm = aRouter()
        const tiny = aRouter({ maxOpenDestinations: 1 })
        for (const path of [...paths, ...paths]) {
          const outcome = outcomeOf(aRouter(), path)
          assert.deepEqual(outcomeOf(warm, path), outcome)
          assert.deepEqual(outcomeOf(tiny, path), outcome)
        }
      }),
    )
  })

  it('finds any valid name again, however it is escaped', () => {
    const escapeAll = (text: string) =>
      Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    fc.assert(
      fc.property(name, name, fc.boolean(), (database, table, hasSlash) => {
        for (const escape of [encodeURIComponent, escapeAll]) {
          const path = `/ingest/${escape(database)}/${escape(table)}${hasSlash ? '/' : ''}`
          const { destination } = targetOf(aRouter({ routes: [] }), path)
          assert.deepEqual([destination.database, destination.table], [database, table])
        }
      }),
    )
  })
})
