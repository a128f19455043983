import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../../sidecar/core/backoff.ts'

const policy = { maxAttempts: 3, baseIntervalMs: 1_000, maxIntervalMs: 60_000 }
const randomOf = (value: number) => ({ next: () => value, hex: () => '' })

describe('backoffMs', () => {
  it('doubles from the base to the maximum', () => {
    const ceilings = [1, 2, 3, 7, 8, 100].map((attempt) => backoffMs(policy, attempt, randomOf(0.999_999_9)))
    assert.deepEqual(ceilings, [1_000, 2_000, 4_000, 60_000, 60_000, 60_000])
  })

  it('is spread over the whole range and never zero', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, chance) => {
          const delay = backoffMs(policy, attempt, randomOf(chance))
          assert.ok(delay >= 100 && delay <= 60_000, `${delay} ms`)
        },
      ),
    )
    assert.ok(backoffMs(policy, 5, randomOf(0)) < backoffMs(policy, 5, randomOf(0.9)))
  })
})
