import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { oneLine, recordText, safeJson, shortLine } from '../../../sidecar/commands/terminal-text.ts'

/** What may reach a terminal, besides the newline between lines. */
const safe = /^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]*$/u
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\x1b]0;title\x07', '\x9b31m', '\u202e', '\ud800', '\u{e0001}', 'a\r\nb', '\x7f'),
)

describe('text for a terminal', () => {
  it('never holds a character that the terminal acts on', () => {
    fc.assert(
      fc.property(text, (value) => {
        assert.match(oneLine(value), safe)
        assert.match(shortLine(value, 20), safe)
        for (const line of recordText(Buffer.from(value), 50, '  ').split('\n')) {
          assert.match(line, safe)
          assert(line.startsWith('  '))
        }
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        for (const line of recordText(Buffer.from(bytes), 50, '  ').split('\n')) assert.match(line, safe)
      }),
    )
  })

  it('as JSON is the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(text, text), (value) => {
        const json = safeJson(value)
        assert.match(json, safe)
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('leaves words, other scripts and emoji as they are, and shows what it escaped', () => {
    assert.equal(oneLine('{"a":"ü 日本 😀"}'), '{"a":"ü 日本 😀"}')
    assert.equal(oneLine('a\n\t\x1b[2J\u202e'), 'a\\n\\t\\u{1b}[2J\\u{202e}')
    assert.equal(recordText(Buffer.from([0x82, 0x41, 0xff]), 10, ''), '\\x82A\\xff')
  })

  it('says how much was cut, and cuts no character in two', () => {
    assert.equal(recordText(Buffer.from('aaaü'), 4, '> '), '> aaa\n> ... 1 more bytes (--full shows them)')
    assert.equal(shortLine('x'.repeat(30), 10), 'xxxxxxx...')
    assert.equal(shortLine('x'.repeat(10), 10), 'xxxxxxxxxx')
  })
})
