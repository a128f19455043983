import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { DeadLetter, LetterOrigin } from '../../../sidecar/core/ports.ts'
import { encodeLetters } from '../../../sidecar/dead-letter/encode-letters.ts'
import {
  lineOf,
  originOf,
  recordBytesCount,
  recordBytesOf,
} from '../../../sidecar/dead-letter/letter-line.ts'
import { LineParser } from '../../../sidecar/dead-letter/line-parser.ts'
import { aDestination } from '../../helpers/batches.ts'
import { aLetter } from './letters.ts'

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\n', '\u2028', '__proto__'),
)
const head = fc.record(
  { path: text, tag: text, contentType: text, contentEncoding: text },
  { requiredKeys: ['path'], noNullPrototype: true },
)
const destination = fc
  .record(
    {
      database: text,
      table: text,
      flushImmediately: fc.boolean(),
      additionalTags: fc.array(text),
      dropByTags: fc.array(text),
    },
    { noNullPrototype: true },
  )
  .chain((rest) =>
    fc.option(text).map((mapping) => (mapping === null ? rest : { ...rest, ingestionMappingRef: mapping })),
  )
const origin: fc.Arbitrary<LetterOrigin> = fc.oneof(
  head.map((head) => ({ kind: 'request', head }) as const),
  destination.map((destination) => ({ kind: 'batch', destination }) as const),
)
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 80 }),
    text.map((value) => Buffer.from(value)),
  )
  .map((value) => Buffer.from(value))
const letter: fc.Arbitrary<DeadLetter> = fc.record(
  {
    code: fc.constantFrom('DECODE_NOT_JSON', 'KUSTO_BLOB_REFUSED'),
    reason: text,
    destination: text,
    origin,
    bytes,
  },
  { noNullPrototype: true },
)

function linesOf(encoded: Buffer): Buffer[] {
  return encoded
    .toString('latin1')
    .split(/(?<=\n)/)
    .map((line) => Buffer.from(line, 'latin1'))
}

describe('a line of a dead-letter file', () => {
  it('gives back reason, origin and the exact bytes of any letter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { minLength: 1, maxLength: 6 }), async (letters) => {
        const parser = new LineParser()
        const read = linesOf(await encodeLetters(letters, 0)).map((line) => parser.parse(line))
        assert.equal(read.length, letters.length)
        for (const [index, line] of read.entries()) {
          assert(line !== undefined)
          const { code, reason, destination } = line
          assert.deepEqual(
            { code, reason, destination, origin: originOf(line), bytes: recordBytesOf(line) },
            letters[index],
          )
          assert.equal(recordBytesCount(line), letters[index]?.bytes.length)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('names what it knows of the request, and has no key for what it does not', () => {
    const origin = { kind: 'request', head: { path: '/a', tag: 't', contentType: 'c' } } as const
    assert.deepEqual(lineOf(aLetter('x', { origin }), 'now'), {
      time: 'now',
      code: 'DECODE_NOT_JSON',
      reason: 'why',
      destination: 'Logs.App',
      path: '/a',
      tag: 't',
      content_type: 'c',
      record: 'x',
    })
  })

  it('names the destination of a batch as the configuration does', () => {
    const destination = aDestination({ ingestionMappingRef: 'm', dropByTags: ['d'] })
    assert.deepEqual(lineOf(aLetter('x', { origin: { kind: 'batch', destination } }), 'now').batch, {
      database: 'Logs',
      table: 'App',
      ingestion_mapping_ref: 'm',
      flush_immediately: false,
      additional_tags: [],
      drop_by_tags: ['d'],
    })
  })

  it('of an earlier version is a letter without origin', () => {
    const line = new LineParser().parse(
      Buffer.from('{"time":"t","code":"OLD","reason":"r","destination":"Logs.App","record":"x"}\n'),
    )
    assert(line !== undefined)
    assert.equal(originOf(line), undefined)
    assert.equal(recordBytesOf(line).toString(), 'x')
  })

  const rest = '"time":"t","code":"C","reason":"r","destination":"d"'
  for (const keys of [
    '"path":1',
    '"path":"/","tag":{}',
    '"batch":{"database":"a"}',
    '"batch":null',
    '"batch":[]',
  ]) {
    it(`tells no origin by ${keys}`, () => {
      const line = new LineParser().parse(Buffer.from(`{${rest},${keys},"record":"x"}\n`))
      assert(line !== undefined)
      assert.equal(originOf(line), undefined)
    })
  }

  it('that is damaged is no letter and does not harm those after it', () => {
    const parser = new LineParser()
    const good = Buffer.from(`{${rest},"record":"x"}\n`)
    const damaged = [
      'null\n',
      '\n',
      '\r\n',
      '[]\n',
      '{}\n',
      '{"a"\n',
      'x\n',
      '"{"\n',
      '{}{}\n',
      `{${rest}}\n`,
      `{${rest},"record":1}\n`,
      `{${rest},"record":"a","record_base64":"YQ=="}\n`,
      `{"time":1,"code":"C","reason":"r","destination":"d","record":"x"}\n`,
    ]
    for (const line of damaged) {
      assert.equal(parser.parse(Buffer.from(line)), undefined, line)
      assert.equal(parser.parse(good)?.record, 'x', `after ${line}`)
    }
    assert.equal(parser.parse(Buffer.from([...good.subarray(0, -4), 0xff, ...good.subarray(-3)])), undefined)
    assert.equal(parser.parse(good)?.record, 'x')
  })
})
