import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { kustoNameProblem } from '../../../sidecar/core/kusto-name.ts'
import { quoteShort } from '../../../sidecar/core/quote-short.ts'

describe('kustoNameProblem', () => {
  for (const name of ['a', 'My Table-2.x_', '_', '7', '여보세요', 'Größe', 'a'.repeat(1_024), '.a']) {
    it(`accepts ${name.slice(0, 20)}`, () => {
      assert.equal(kustoNameProblem(name), undefined)
    })
  }

  for (const [name, expected] of [
    ['', 'is empty'],
    ['a'.repeat(1_025), 'has 1025 characters, and 1024 are allowed'],
    ['..', 'consists of dots alone'],
    ['a/b', '"a/b" has the character "/" (U+002F); letters, digits, "_", " ", "." and "-" are allowed'],
    ['a\nb', '"a?b" has the character "?" (U+000A); letters, digits, "_", " ", "." and "-" are allowed'],
    ['a\u00A0b', '"a?b" has the character "?" (U+00A0); letters, digits, "_", " ", "." and "-" are allowed'],
    ['\uD800', '"?" has the character "?" (U+D800); letters, digits, "_", " ", "." and "-" are allowed'],
  ] as const) {
    it(`refuses a name that ${expected}`, () => {
      assert.equal(kustoNameProblem(name), expected)
    })
  }

  it('refuses everything that could end a quoted name in a query', () => {
    for (const character of `'"[]()\\;:|,\`$@%&#*?<>{}=+!~^/\t\r\n\0`) {
      assert.notEqual(kustoNameProblem(`a${character}b`), undefined, JSON.stringify(character))
    }
  })
})

describe('quoteShort', () => {
  it('is short, printable and quoted once for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const quoted = quoteShort(text)

        assert(Array.from(quoted).length <= 45)
        assert.match(quoted, /^"[^"\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*"$/u)
        assert.doesNotMatch(quoted, /[\uD800-\uDFFF](?![\uDC00-\uDFFF])/u)
      }),
    )
  })

  it('turns double quotes into single ones', () => {
    assert.equal(quoteShort('a"b'), `"a'b"`)
  })

  it('keeps short plain text as it is and marks what it cuts', () => {
    assert.equal(quoteShort('nginx'), '"nginx"')
    assert.equal(quoteShort('x'.repeat(40)), `"${'x'.repeat(40)}"`)
    assert.equal(quoteShort('x'.repeat(41)), `"${'x'.repeat(40)}..."`)
  })
})
