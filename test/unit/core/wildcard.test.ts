import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { anyWildcard, wildcard } from '../../../sidecar/core/wildcard.ts'

const piece = fc.constantFrom('a', 'b', 'ab', '.', '*')
const text = fc.array(fc.constantFrom('a', 'b', '.', '\n'), { maxLength: 12 }).map((parts) => parts.join(''))

describe('wildcard', () => {
  it('fits as the regular expression with the same meaning does', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), text, (pieces, text) => {
        const model = new RegExp(
          `^${pieces.map((part) => (part === '*' ? '[^]*' : RegExp.escape(part))).join('')}$`,
        )
        assert.equal(wildcard(pieces.join(''))(text), model.test(text))
      }),
      { numRuns: 5_000 },
    )
  })

  it('does not let the end overlap with what stands before it', () => {
    assert.equal(wildcard('aba*ba')('aba'), false)
    assert.equal(wildcard('*ab*b')('ab'), false)
  })

  it('is quick for a pattern that would backtrack', () => {
    assert.equal(wildcard(`${'*a'.repeat(500)}*c`)('a'.repeat(16_000)), false)
  })

  it('fits one of several, and none of an empty list', () => {
    assert.equal(anyWildcard(['x', 'App*'])('Apple'), true)
    assert.equal(anyWildcard([])(''), false)
  })
})
