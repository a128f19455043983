import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { editDistance, nearest } from '../../../sidecar/config/nearest.ts'

describe('editDistance', () => {
  it('counts insertions, removals, replacements and swaps of neighbours', () => {
    assert.equal(editDistance('', 'abc'), 3)
    assert.equal(editDistance('abc', 'abc'), 0)
    assert.equal(editDistance('abc', 'axc'), 1)
    assert.equal(editDistance('abc', 'ab'), 1)
    assert.equal(editDistance('abc', 'acb'), 1)
    assert.equal(editDistance('kitten', 'sitting'), 3)
  })

  it('is symmetric, and zero for equal words only', () => {
    const word = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        assert.equal(editDistance(a, b), editDistance(b, a))
        assert.equal(editDistance(a, b) === 0, a === b)
        assert(editDistance(a, b) <= Math.max(a.length, b.length))
      }),
    )
  })
})

describe('nearest', () => {
  const keys = ['batch_size', 'batch_interval_ms', 'flush_immediately']

  it('sees through case, dashes and camel case', () => {
    for (const word of ['batchSize', 'BATCH_SIZE', 'batch-size', 'Batch-Sise'])
      assert.equal(nearest(word, keys), 'batch_size')
  })

  it('takes a dash for an underscore', () => {
    assert.equal(nearest('a-b-c', ['a_b_c']), 'a_b_c')
  })

  it('prefers the smallest distance', () => {
    assert.equal(
      nearest('batch_interval', ['batch_integral', 'batch_interval_ms', 'batch_intervals']),
      'batch_intervals',
    )
  })

  it('finds nothing when nothing is near', () => {
    assert.equal(nearest('table', keys), undefined)
    assert.equal(nearest('', keys), undefined)
    assert.equal(nearest('batch_size'.repeat(100), keys), undefined)
  })
})
