import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { messageOf } from '../../../sidecar/core/errors.ts'

describe('messageOf', () => {
  it('gives the message of an error, and any other value as text', () => {
    assert.equal(messageOf(new Error('Surprise')), 'Surprise')
    assert.equal(messageOf('Surprise'), 'Surprise')
    assert.equal(messageOf(undefined), 'undefined')
  })

  const mute: [what: string, thrown: unknown][] = [
    ['an object without a prototype', Object.create(null)],
    ['an object whose toString is no function', { toString: false, valueOf: false }],
    ['a list that holds such an object', [{ toString: false }]],
    [
      'an error whose message is such an object',
      Object.assign(new Error('x'), { message: Object.create(null) }),
    ],
    ['an object whose toString throws', { toString: () => assert.fail('must not get out') }],
  ]
  for (const [what, thrown] of mute) {
    it(`says that ${what} has no text, and does not throw`, () => {
      assert.equal(messageOf(thrown), 'a thrown object without a text')
    })
  }

  it('is total', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (thrown) => {
        assert.equal(typeof messageOf(thrown), 'string')
      }),
      { numRuns: 2_000 },
    )
  })
})
