import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { checked, endOfObject } from '../../../sidecar/decode/valid-object.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { renderJson, trickyText } from '../../helpers/json-texts.ts'

/** `JSON_FUZZ=10000000` tries more. */
const mutationsCount = Number(process.env['JSON_FUZZ'] ?? 200_000)

function endOf(text: string | Buffer): number {
  const bytes = Buffer.from(text as string)
  return endOfObject(checked(bytes), 0)
}

function parses(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('latin1'))
    return true
  } catch {
    return false
  }
}

/** The verdict of JSON.parse on an object in one line. */
function isObjectLine(bytes: Buffer): boolean {
  return (
    bytes[0] === 0x7b &&
    bytes.at(-1) === 0x7d &&
    !bytes.includes('\n') &&
    !bytes.includes('\r') &&
    parses(bytes)
  )
}

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(
      fc.double({ noDefaultInfinity: true, noNaN: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    ),
    trickyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(trickyText, tie('value'), { maxKeys: 4 }),
  ),
})).value

const seeds = [
  '{}',
  '{"a":1}',
  '{"a":[],"b":{},"c":[{}],"d":[[1,2],[3]]}',
  '{"a":-0.5e+10,"b":0,"c":1E5,"d":-1,"e":10.01,"f":2e-7}',
  '{"a":true,"b":false,"c":null}',
  '{ "a" : [ 1 , "x" ,\t{ "b" : null } ] }',
  '{"text":"quote \\" backslash \\\\ slash \\/ \\b\\f\\n\\r\\t \\u00e9 \\uD83D\\uDE00 Grüße"}',
  `{"long":"${'text of some length '.repeat(3)}","also":"${'\u00fc'.repeat(9)}\\\\${'x'.repeat(17)}"}`,
  '{"":"","k":{"k":{"k":{"k":[[[{"k":"}{][,:"}]]]}}}}',
]
const interesting = Buffer.from(
  '{}[]",:\\ \t\n\r0123456789+-.eEtrufalsn/bx\u0000\u001f\u007f\u00a0',
  'latin1',
)

describe('endOfObject', () => {
  it('finds the end of every object in one line, whatever follows', () => {
    const space = fc.constantFrom('', '', ' ', '\t', '  ')
    fc.assert(
      fc.property(
        fc.dictionary(trickyText, json),
        fc.infiniteStream(space),
        trickyText,
        (value, spaces, rest) => {
          const text = renderJson(value, () => spaces.next().value as string)
          assert.equal(endOf(text + rest), Buffer.byteLength(text))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('has the verdict of JSON.parse on damaged objects', () => {
    const random = new SeededRandom(20_261_125)
    let validCount = 0
    for (let n = 0; n < mutationsCount; n += 1) {
      const seed = Buffer.from(seeds[random.integer(seeds.length)] as string)
      // It is read in words of four bytes, wherever it lies in its memory.
      const bytes = Buffer.concat([Buffer.alloc(n % 5), mutated(seed, random)]).subarray(n % 5)
      const end = endOfObject(checked(bytes), 0)
      const isValid = isObjectLine(bytes)
      if (isValid) validCount += 1
      // What follows a valid object is not looked at, so that only an end at the end says that the whole is one.
      assert.equal(
        end === bytes.length,
        isValid,
        `JSON ${JSON.stringify(bytes.toString('latin1'))} has its end at ${end}`,
      )
      if (end >= 0) assert.ok(isObjectLine(bytes.subarray(0, end)), bytes.toString('latin1'))
      else assert.ok(~end >= 0 && ~end <= bytes.length + 1)
    }
    assert.ok(validCount > mutationsCount / 50 && validCount < mutationsCount / 2, `${validCount} were valid`)
  })

  it('takes bytes that are no UTF-8 in strings, and nowhere else', () => {
    assert.equal(endOf(Buffer.from('{"\xff":"\x80\xc3"}', 'latin1')), 10)
    assert.ok(endOf(Buffer.from('{\xa0"a":1}', 'latin1')) < 0)
  })

  it('does not look behind the limit', () => {
    const bytes = Buffer.from('{"a":"bcdefgh"}')
    for (let limit = 1; limit < bytes.length; limit += 1)
      assert.ok(endOfObject(checked(bytes.subarray(0, limit)), 0) < 0)
    assert.equal(endOfObject(checked(bytes), 0), bytes.length)
  })

  it('leaves what is nested deeply to others', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
    assert.ok(endOf(nested(500)) > 0)
    assert.ok(endOf(nested(100_000)) < 0)
  })
})

/** Changes, adds, removes or repeats a few bytes. */
function mutated(seed: Buffer, random: SeededRandom): Buffer {
  let bytes = seed
  for (let count = random.integer(3) + 1; count > 0; count -= 1) {
    const at = 1 + random.integer(bytes.length)
    const byte = interesting.subarray(random.integer(interesting.length)).subarray(0, 1)
    const removed = random.integer(2)
    const added = random.integer(3) === 0 ? bytes.subarray(at, at + random.integer(8)) : byte
    bytes = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
  }
  return bytes
}
