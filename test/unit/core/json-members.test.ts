import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { findValue, MemberCursor, memberKey, stringAt, typeAt } from '../../../sidecar/core/json-members.ts'
import { jsonSoup, trickyText } from '../../helpers/json-texts.ts'

const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\r', '\n'), maxLength: 2 })
/** Few keys, so that duplicates are common, and some that look like others when they are escaped. */
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', '\\', '\n', '\\n', 'é', '😀', '"', '', '__proto__'),
  trickyText,
)

/**
 * Without backslashes: JSON.parse of V8 takes an escaped key for a key of an earlier object when the first bytes of the escape are that
 * key (`\\` and then `\u000a` gives `\\` twice), so it is no model for those.
 */
const plainKey = key.filter((text) => !text.includes('\\'))

/** A JSON string in which any character may be escaped. */
const stringText = (content: fc.Arbitrary<string>) =>
  fc.tuple(content, fc.infiniteStream(fc.boolean())).map(([text, escapes]) => {
    const units = Array.from({ length: text.length }, (_, index) => text.charAt(index))
    // Half of a pair must not be escaped alone.
    const parts = /[\ud800-\udfff]/.test(text)
      ? [JSON.stringify(text).slice(1, -1)]
      : units.map((unit) =>
          escapes.next().value === true
            ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
            : JSON.stringify(unit).slice(1, -1),
        )
    return `"${parts.join('')}"`
  })

const { object: objectText } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    stringText(trickyText),
    fc.constantFrom('1', '-0.5e+3', '9007199254740993', 'true', 'false', 'null', '[]'),
    tie('object'),
    fc.tuple(tie('value'), space, tie('value')).map(([a, gap, b]) => `[${gap}${a}${gap},${b}]`),
  ),
  object: fc
    .array(fc.tuple(space, stringText(plainKey), space, space, tie('value'), space), { maxLength: 5 })
    .map(
      (members) => `{${members.map(([a, k, b, c, v, d]) => `${a}${k}${b}:${c}${v}${d}`).join(',') || ' '}}`,
    ),
}))

describe('MemberCursor', () => {
  it('finds the members that JSON.parse finds, for any object', () => {
    fc.assert(
      fc.property(objectText, space, space, (text, before, after) => {
        const bytes = Buffer.from(`xx${before}${text}${after}yy`)
        const cursor = new MemberCursor(bytes)
        cursor.enter(2, bytes.length - 2)
        const pairs: [string, unknown][] = []
        while (cursor.next()) {
          const name = stringAt(bytes, cursor.keyStart - 1, cursor.keyEnd + 1)
          assert.equal(cursor.keyIs(memberKey(name)), true)
          assert.equal(cursor.keyIs(memberKey(`${name}x`)), false)
          pairs.push([name, JSON.parse(bytes.toString('utf8', cursor.valueStart, cursor.valueEnd))])
        }
        assert.equal(bytes[cursor.memberEnd], 0x7d)
        assert.equal(cursor.memberEnd, bytes.length - 2 - after.length - 1)
        assert.deepEqual(Object.fromEntries(pairs), JSON.parse(text))
      }),
      { numRuns: 1_000 },
    )
  })

  it('compares keys by what they mean', () => {
    fc.assert(
      fc.property(stringText(key), key, (raw, wanted) => {
        const cursor = new MemberCursor(Buffer.from(`{${raw}:1}`))
        cursor.enter(0, cursor.bytes.length)
        assert.equal(cursor.next(), true)
        assert.equal(cursor.keyIs(memberKey(wanted)), JSON.parse(raw) === wanted)
      }),
      { numRuns: 3_000 },
    )
  })

  it('ends on any bytes', () => {
    fc.assert(
      fc.property(jsonSoup, (text) => {
        const cursor = new MemberCursor(Buffer.from(text))
        cursor.enter(0, cursor.bytes.length)
        let count = 0
        while (cursor.next()) count += 1
        assert(count <= text.length)
      }),
    )
  })

  it('walks over half a million levels', () => {
    const deep = `{"a":${'['.repeat(500_000)}${']'.repeat(500_000)},"b":2}`
    const cursor = new MemberCursor(Buffer.from(deep))
    assert.deepEqual(findValue(cursor, 0, deep.length, [memberKey('b')]), {
      start: deep.length - 2,
      end: deep.length - 1,
    })
  })
})

describe('findValue', () => {
  it('finds what the same path leads to after JSON.parse', () => {
    fc.assert(
      fc.property(objectText, fc.array(plainKey, { minLength: 1, maxLength: 3 }), (text, path) => {
        const bytes = Buffer.from(text)
        let expected: unknown = JSON.parse(text)
        for (const key of path) {
          const isObject = typeof expected === 'object' && expected !== null && !Array.isArray(expected)
          expected =
            isObject && Object.hasOwn(expected as object, key)
              ? (expected as Record<string, unknown>)[key]
              : undefined
        }
        const found = findValue(new MemberCursor(bytes), 0, bytes.length, path.map(memberKey))
        if (found === undefined) assert.equal(expected, undefined)
        else {
          assert.deepEqual(JSON.parse(bytes.toString('utf8', found.start, found.end)), expected)
          const type = expected === null ? 'null' : Array.isArray(expected) ? 'array' : typeof expected
          assert.equal(typeAt(bytes, found.start), type)
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('takes the last of duplicate keys at every level, also when it is no object', () => {
    const text = '{"a":{"b":1,"b":2},"\\u0061":{"b":3,"b":4}}'
    const bytes = Buffer.from(text)
    const path = [memberKey('a'), memberKey('b')]
    const found = findValue(new MemberCursor(bytes), 0, bytes.length, path)
    assert.equal(bytes.toString('utf8', found?.start, found?.end), '4')
    const shadowed = Buffer.from('{"a":{"b":1},"a":5}')
    assert.equal(findValue(new MemberCursor(shadowed), 0, shadowed.length, path), undefined)
  })
})
