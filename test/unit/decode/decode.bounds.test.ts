import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '../../../sidecar/core/limits.ts'
import { decodeLimits } from '../../../sidecar/decode/limits.ts'
import { decodeText } from '../../helpers/decoding.ts'

const BODY_BYTES = 150_000
/** Linear work takes well under a second; looking at every byte again for every line or record takes many seconds. */
const DEADLINE_MS = 10_000

const fill = (text: string) => text.repeat(Math.ceil(BODY_BYTES / text.length))
const staircase = (text: string) =>
  Array.from({ length: 900 }, (_, indent) => ' '.repeat(indent) + text).join('\n')

describe('decode keeps its work in proportion to the body', () => {
  const bodies: Record<string, string> = {
    'objects that are never closed': fill('{"a":\n'),
    'objects that are never closed, on one line': fill('{"a":'),
    'braces alone': fill('{\n'),
    'braces alone, ever more indented': staircase('{'),
    'arrays that are never closed': fill('["a",\n'),
    'arrays that are never closed, ever more indented': `${staircase('[x')}\n]`,
    'brackets alone': fill('[\n'),
    'strings that are never closed': fill('["\n'),
    'a string of escapes that is never closed': `["${fill('\\"')}`,
    'bad tokens in one array': `[${fill('nan,')}1]`,
    'bad tokens in arrays that hold on to the same end': `${fill('[nan,\n')}]`,
    'early brackets in one array': `[{}${fill(',nan]x')},{},{}]`,
    'arrays and objects on one line': fill('[]{}'),
    'good and bad objects on one line': fill('{"a":1}{"b":nan}'),
    'lost quotes on one line': fill('{"a":"}'),
    'lost quotes in an array': `[${fill('{"a":"x},{"b":1},')}1]`,
    'records that are never closed in an array': `[${fill('{"id":[{},')}{}]`,
    'lost quotes and records that begin alike': `[${fill('{"id":"},{"id":1},')}{"id":"}]`,
    'records with a brace too many that begin alike': `[${fill('{"id":1}},{"id":1},')}{"id":1}}]`,
    'lines of text without a brace': `{"a":1}\n${fill('x y\n')}`,
    'text between records on one line': fill('{"id":1}x'),
    'text between what looks like records': `{"id":1}${fill('x{"id":[')}`,
    'text before records that have no end': fill('x{"id":1}{"id":"'),
    'an array whose only boundary of the usual form is its last': `[${fill('{"a":1},\n')}{"a":1},{}]`,
    'objects whose only boundary of the usual form is the last': `${fill('{"a":1} ')}}{`,
    'text that goes on after a cut string': `{"a":"\n${fill('x} {\n')}`,
    'lines that look like bad objects': fill('{"a":{"b":nan}}{"c":[}\n'),
    NULs: `${fill('\0}')}{`,
    'carriage returns': `${fill('{}\r')}{}`,
    whitespace: `${fill(' \n')}{`,
    commas: fill(','),
  }
  for (const [name, body] of Object.entries(bodies)) {
    it(`for ${name}`, () => {
      const startMs = performance.now()
      try {
        decodeText(body)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'DECODE_UNREADABLE')
      }
      decodeText(body, { records: { wrapText: 'always' } })
      const elapsedMs = performance.now() - startMs
      assert.ok(elapsedMs < DEADLINE_MS, `${elapsedMs.toFixed(0)} ms for ${body.length} bytes`)
    })
  }
})

describe('decode bounds what one body can cause', () => {
  it('takes a value of 100,000 levels, in any format', () => {
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    for (const body of [deep, `[${deep}]`, `${deep}${deep}`, `{"a":\n${deep}}`]) {
      assert.ok(decodeText(body).records.join('').includes(deep))
    }
  })

  it('rejects a value that is deeper than the limit, and keeps its neighbours', () => {
    const levels = decodeLimits.depthMax + 1
    const deep = `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    for (const body of [`{"b":1}\n${deep}\n{"c":1}`, `[{"b":1},${deep},{"c":1}]`]) {
      const { records, reasons } = decodeText(body)
      assert.deepEqual(records, ['{"b":1}', '{"c":1}'])
      assert.match(reasons[0] ?? '', /nested deeper than 500000 levels\.$/)
    }
  })

  it('keeps everything after too many bad records aside in one piece', () => {
    const count = limits.rejectedMaxCount
    const { records, rejected, reasons } = decodeText(`{"a":1}\n${'x\n'.repeat(count)}{"b":1}\nx\n`)
    assert.deepEqual(records, ['{"a":1}'])
    assert.equal(rejected.length, count + 1)
    assert.equal(rejected.at(-1), '{"b":1}\nx')
    assert.equal(
      reasons.at(-1),
      `${count} records of this body are bad; from byte ${8 + 2 * count} (line ${count + 2}) on it was not decoded, and may hold good records.`,
    )
  })

  const bad = (text: string) => text.repeat(limits.rejectedMaxCount)
  const rests: Record<string, string> = {
    'of lines': `{"id":1}\n${bad('x\n')}{"id":2}\nx\n{"id":3}\n`,
    'of lines with bad tokens': `{"id":1}\n${bad('{"id":nan}\n')}{"id":2}\n{"id":3}\n`,
    'of objects one after the other': `{"id":1}${bad('{"id":nan}')}{"id":2}{"id":3}`,
    'of an array': `[{"id":1},${bad('nan,')}{"id":2},1,{"id":3}]`,
    'of an array over several lines': `[\n{"id":1},\n${bad('{"id":nan},\n')}{"id":2},\n{"id":3}\n]\n`,
    'of lines that are arrays': `[{"id":1}]\n[${bad('1,')}{"id":2}]\n[{"id":3}]\n`,
    'of an array that begins with a bad member': `[{"id":1},${bad('nan,')}nan,{"id":2},{"id":3}]`,
  }
  for (const [name, body] of Object.entries(rests)) {
    it(`and the rest ${name} gives its good records when it is decoded by itself`, () => {
      const first = decodeText(body)
      assert.deepEqual(first.records, ['{"id":1}'])
      assert.equal(first.rejected.length, limits.rejectedMaxCount + 1)
      const second = decodeText(first.rejected.at(-1) ?? '')
      assert.deepEqual(second.records, ['{"id":2}', '{"id":3}'])
      assert.ok(second.rejected.length <= 1)
    })
  }

  it('delivers all good records among fewer bad ones', () => {
    const body = `[${'{"id":1},{"id":nan},'.repeat(limits.rejectedMaxCount - 1)}{"id":1}]`
    const { records, rejected } = decodeText(body)
    assert.equal(records.length, limits.rejectedMaxCount)
    assert.equal(rejected.length, limits.rejectedMaxCount - 1)
  })

  it('gives JSON.parse each byte a few times at most, with text among the objects of one line', (test) => {
    const parse = test.mock.method(JSON, 'parse')
    const body = '{"id":1}x'.repeat(4_000)
    const { records } = decodeText(body)
    const parsedBytes = parse.mock.calls.reduce((sum, { arguments: [text] }) => sum + text.length, 0)
    assert.equal(records.length, 4_000)
    assert.ok(parsedBytes < 8 * body.length, `${parsedBytes} bytes of ${body.length}`)
  })

  it('parses no more objects in vain than may be bad, where it looks for the next good one', (test) => {
    const parse = test.mock.method(JSON, 'parse')
    decodeText(`{"a":1}${'{"a":"}'.repeat(12 * limits.rejectedMaxCount)}`)
    assert.ok(parse.mock.callCount() < 5 * limits.rejectedMaxCount, `${parse.mock.callCount()} calls`)
  })
})
