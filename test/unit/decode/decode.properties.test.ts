import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { Decoded } from '../../../sidecar/core/ports.ts'
import { looksLikeMsgpack } from '../../../sidecar/decode/msgpack/msgpack.ts'
import { decodeBody, decodeText } from '../../helpers/decoding.ts'
import { jsonSoup, objectTexts, plainText, trickyText } from '../../helpers/json-texts.ts'
import { recordsOf, textsOf } from '../../helpers/records.ts'

const withoutLineBreaks = (text: string) => text.replaceAll(/[\r\n]/g, ' ')
const separator = fc.constantFrom('', ' ', '\n', '\r\n', '\n\n', '\t\n ', ',', ',\n')
const outerSpace = fc.constantFrom('', ' ', '\n', '\r\n\t')

function decodeIfReadable(body: Buffer): Decoded | undefined {
  try {
    return decodeBody(body)
  } catch (error) {
    assert.ok(error instanceof SidecarError, String(error))
    assert.match(error.code, /^DECODE_(EMPTY|UNREADABLE)$/)
    return undefined
  }
}

describe('decode, for any records,', () => {
  it('gives back the texts of an array', () => {
    const texts = fc.array(objectTexts(trickyText, ' ', '\n', '\r\n', '\t'))
    fc.assert(
      fc.property(texts, outerSpace, outerSpace, (records, before, after) => {
        const body = `${before}[${records.map((text) => after + text + before).join(',')}]${after}`
        const decoded = decodeText(body)
        assert.deepEqual(decoded.records, records.map(withoutLineBreaks))
        assert.deepEqual(decoded.rejected, [])
      }),
    )
  })

  it('gives back the texts of lines, with any line ends', () => {
    const lines = fc.array(
      fc.tuple(objectTexts(trickyText, ' ', '\t'), outerSpace, fc.constantFrom('\n', '\r\n', '\n\n')),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(lines, fc.boolean(), (list, hasLastNewline) => {
        const body = list.map(([text, space, end]) => space + text + end).join('')
        const decoded = decodeText(hasLastNewline ? body : body.trimEnd())
        assert.deepEqual(
          decoded.records,
          list.map(([text]) => text),
        )
        assert.deepEqual(decoded.rejected, [])
      }),
    )
  })

  it('gives back the texts of values and arrays in any mixture, cut into lines anywhere', () => {
    const group = fc.tuple(
      fc.array(objectTexts(trickyText, ' ', '\n', '\r\n'), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      separator,
    )
    fc.assert(
      fc.property(fc.array(group, { minLength: 1 }), (groups) => {
        const body = groups
          .map(([texts, isArray, end]) => (isArray ? `[${texts.join(', \n')}]` : texts.join('')) + end)
          .join('')
        const decoded = decodeText(body)
        assert.deepEqual(
          decoded.records,
          groups.flatMap(([texts]) => texts.map(withoutLineBreaks)),
        )
        assert.deepEqual(decoded.rejected, [])
      }),
    )
  })
})

describe('decode, for any body,', () => {
  const anyBody = fc.oneof(
    { weight: 4, arbitrary: jsonSoup.map((text) => Buffer.from(text)) },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ maxLength: 60 })
        .map((bytes) => Buffer.from(bytes))
        .filter((body) => !looksLikeMsgpack(body)),
    },
  )

  it('throws errors of the catalogue only, and accepts only what JSON.parse takes for an object', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const decoded = decodeIfReadable(body)
        for (const text of decoded === undefined ? [] : textsOf(decoded.block)) {
          const value: unknown = JSON.parse(text)
          assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), text)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('has every byte in a record or in a rejected piece, apart from whitespace, commas and the brackets of arrays', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        // Where nothing is rejected the body may be written over.
        const others = Buffer.from(body)
        const decoded = decodeIfReadable(body)
        if (decoded === undefined) return
        for (const { bytes } of decoded.rejected) {
          const start = bytes.byteOffset - body.byteOffset
          assert.ok(bytes.equals(others.subarray(start, start + bytes.length)), 'two pieces overlap')
          others.fill(0x20, start, start + bytes.length)
        }
        const significant = (buffer: Buffer) =>
          buffer.toString('latin1').replaceAll(/[\s\0,[\]]|\u00ef\u00bb\u00bf/g, '')
        assert.equal(significant(Buffer.concat(recordsOf(decoded.block))), significant(others))
      }),
      { numRuns: 2_000 },
    )
  })

  it('agrees with JSON.parse about a body that is one valid array or object', () => {
    fc.assert(
      fc.property(jsonSoup, (text) => {
        const value = parseOrUndefined(text)
        if (typeof value !== 'object' || value === null) return
        const members: unknown[] = Array.isArray(value) ? value : [value]
        const objects = members.filter(
          (member) => typeof member === 'object' && member !== null && !Array.isArray(member),
        )
        if (objects.length === 0) return
        const decoded = decodeText(text)
        assert.deepEqual(
          decoded.records.map((record) => JSON.parse(record) as unknown),
          objects,
        )
        assert.equal(decoded.rejected.length, members.length - objects.length)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('decode, with one record damaged,', () => {
  const lines = fc.array(objectTexts(trickyText, ' '), { maxLength: 4 })
  const damagedLine = fc.oneof(
    jsonSoup.map((text) => text.replaceAll(/[\r\n]/g, '')),
    trickyText.map((text) => text.replaceAll(/[\r\n]/g, '')),
    fc
      .tuple(
        objectTexts(trickyText, ' '),
        fc.nat(),
        fc.nat({ max: 5 }),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', '\\'),
      )
      .map(([text, position, length, inserted]) => {
        const start = position % text.length
        return text.slice(0, start) + inserted + text.slice(start + length)
      }),
  )

  it('keeps the neighbours of a line, whatever is in it', () => {
    fc.assert(
      fc.property(lines, damagedLine, lines, (before, damaged, after) => {
        fc.pre(before.length + after.length > 0)
        const { records } = decodeText([...before, damaged, ...after].join('\n'))
        assert.deepEqual(records.slice(0, before.length), before)
        assert.deepEqual(records.slice(records.length - after.length), after)
        assert.ok(records.length >= before.length + after.length)
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps the neighbours of a bad token in an array', () => {
    const token = fc.constantFrom(
      'nan',
      '-inf',
      'Infinity',
      '"\\x41"',
      '"\t"',
      "'x'",
      'undefined',
      '01',
      '"\n"',
      'a b',
    )
    const members = fc.array(objectTexts(trickyText, ' ', '\n'), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(members, token, members, (before, bad, after) => {
        const damaged = `{"k":[{"n":${bad}}]}`
        const decoded = decodeText(`[${[...before, damaged, ...after].join(',')}]`)
        assert.deepEqual(decoded.records, [...before, ...after].map(withoutLineBreaks))
        assert.deepEqual(decoded.rejected, [damaged])
      }),
    )
  })

  it('keeps the neighbours of a record in an array that lost or doubled a byte', () => {
    const members = fc.array(objectTexts(plainText, ' ', '\n'), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        members,
        objectTexts(plainText),
        members,
        fc.nat(),
        fc.boolean(),
        (before, text, after, position, isDoubled) => {
          const at = position % text.length
          const damaged = isDoubled
            ? text.slice(0, at + 1) + text.slice(at)
            : text.slice(0, at) + text.slice(at + 1)
          const { records } = decodeText(`[${[...before, damaged, ...after].join(',')}]`)
          assert.deepEqual(records.slice(0, before.length), before.map(withoutLineBreaks))
          assert.deepEqual(records.slice(records.length - after.length), after.map(withoutLineBreaks))
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
