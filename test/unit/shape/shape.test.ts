import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { RecordBlock } from '../../../sidecar/core/record-block.ts'
import type { RecordSettings } from '../../../sidecar/core/record-settings.ts'
import { parseTemplate } from '../../../sidecar/core/template.ts'
import { shape } from '../../../sidecar/shape/shape.ts'
import { aBlock, someRecordSettings } from '../../helpers/batches.ts'
import { objectTexts, trickyText } from '../../helpers/json-texts.ts'
import { textsOf } from '../../helpers/records.ts'

type Overrides = Partial<Omit<RecordSettings, 'add'>> & { add?: Record<string, string | number | boolean> }

function settings({ add = {}, ...overrides }: Overrides): RecordSettings {
  const fields = Object.entries(add).map(([key, value]) => {
    if (typeof value !== 'string') return { key, value }
    const parsed = parseTemplate(value)
    assert('value' in parsed, value)
    return { key, value: parsed.value }
  })
  return someRecordSettings({ ...overrides, add: fields })
}

function shaped(record: string, overrides: Overrides, tag?: string): string | undefined {
  const head = { path: '/', ...(tag === undefined ? {} : { tag }) }
  const { block, rejected } = shape(aBlock([record]), settings(overrides), head)
  assert.deepEqual(rejected, [])
  return textsOf(block)[0]
}

const head = { path: '/' }
const MiB = 1_048_576

/** A block that tells when anything looks at its bytes. */
function untouchable(block: RecordBlock): RecordBlock {
  const bytes = new Proxy(block.bytes, {
    get(target, key) {
      if (key === 'length') return target.length
      throw new Error(`the bytes were touched: ${String(key)}`)
    },
  })
  return { bytes, ends: block.ends }
}

describe('shape: as_is', () => {
  it('returns the identical block without a look at it', () => {
    for (const block of [
      aBlock(['{"date":1}', '{ }']),
      aBlock([]),
      aBlock([`{"a":"${'x'.repeat(MiB - 8)}"}`, '{}']),
    ]) {
      const same = untouchable(block)
      const result = shape(same, settings({}), { path: '/', tag: 't' })
      assert.equal(result.block, same)
      assert.deepEqual(result.rejected, [])
    }
  })

  it('returns the identical block when values of any size are kept', () => {
    const block = untouchable(aBlock([`{"a":"${'x'.repeat(2 * MiB)}"}`]))
    assert.equal(shape(block, settings({ oversizedValues: 'keep' }), head).block, block)
  })
})

describe('date_format: iso8601', () => {
  for (const [record, expected] of [
    [
      '{"date":1700000000.5,"n":9007199254740993}',
      '{"date":"2023-11-14T22:13:20.5000000Z","n":9007199254740993}',
    ],
    ['{ "a" : 1 , "date" : 17e8 }', '{ "a" : 1 , "date" : "2023-11-14T22:13:20.0000000Z" }'],
    ['{"d\\u0061te":0}', '{"d\\u0061te":"1970-01-01T00:00:00.0000000Z"}'],
    [
      '{"date":0,"x":{"date":1},"date":1}',
      '{"date":"1970-01-01T00:00:00.0000000Z","x":{"date":1},"date":"1970-01-01T00:00:01.0000000Z"}',
    ],
    ['{"date":"2023-11-14"}', '{"date":"2023-11-14"}'],
    ['{"date":null,"a":[1]}', '{"date":null,"a":[1]}'],
    ['{"date":1e30}', '{"date":1e30}'],
    ['{"date":{"date":5}}', '{"date":{"date":5}}'],
    ['{}', '{}'],
  ] as const) {
    it(`makes ${expected} of ${record}`, () => {
      assert.equal(shaped(record, { dateFormat: 'iso8601' }), expected)
    })
  }

  it('looks under the key of the settings', () => {
    assert.equal(
      shaped('{"date":0,"t":0}', { dateFormat: 'iso8601', dateKey: 't' }),
      '{"date":0,"t":"1970-01-01T00:00:00.0000000Z"}',
    )
  })
})

describe('shape: envelope', () => {
  const time = '"timestamp":"1970-01-01T00:00:00.0000000Z"'
  for (const [record, expected] of [
    ['{"date":0,"log":"a"}', `{${time},"tag":"t","log":{"log":"a"}}`],
    ['{"log":"a","date":0}', `{${time},"tag":"t","log":{"log":"a"}}`],
    ['{"a":1, "date" : 0 , "b":[2]}', `{${time},"tag":"t","log":{"a":1, "b":[2]}}`],
    ['{"date":5,"a":1,"date":6,"date":0,"b":2}', `{${time},"tag":"t","log":{"a":1,"b":2}}`],
    ['{"date":0}', `{${time},"tag":"t","log":{}}`],
    ['{"date":1,"date":0}', `{${time},"tag":"t","log":{}}`],
    [
      '{"date":"some \\u0061","n":9007199254740993}',
      '{"timestamp":"some \\u0061","tag":"t","log":{"n":9007199254740993}}',
    ],
    ['{"a":{"date":0}}', '{"tag":"t","log":{"a":{"date":0}}}'],
    ['{"date":null}', '{"tag":"t","log":{"date":null}}'],
    ['{"date":1e30,"a":1}', '{"tag":"t","log":{"date":1e30,"a":1}}'],
    ['{ }', '{"tag":"t","log":{ }}'],
  ] as const) {
    it(`makes ${expected} of ${record}`, () => {
      assert.equal(shaped(record, { shape: 'envelope' }, 't'), expected)
    })
  }

  it('leaves the tag out when the request has none, and escapes the one it has', () => {
    assert.equal(shaped('{"a":1}', { shape: 'envelope' }), '{"log":{"a":1}}')
    assert.equal(shaped('{}', { shape: 'envelope' }, 'a"\\\u0007'), '{"tag":"a\\"\\\\\\u0007","log":{}}')
    assert.equal(shaped('{}', { shape: 'envelope' }, ''), '{"tag":"","log":{}}')
  })

  it('has the names of the settings', () => {
    const keys = { shape: 'envelope', timeKey: 'T"', tagKey: 'G', logKey: 'L', dateKey: 'd' } as const
    assert.equal(shaped('{"d":0}', keys, 't'), '{"T\\"":"1970-01-01T00:00:00.0000000Z","G":"t","L":{}}')
  })

  it('holds the rest of any record as it came', () => {
    const spaced = objectTexts(trickyText, ' ', '\t')
    fc.assert(
      fc.property(fc.array(spaced, { maxLength: 5 }), fc.boolean(), (texts, hasDate) => {
        const records = texts.map((text) =>
          hasDate ? `{"date":1,${text.slice(1)}`.replace(/,\s*\}$/, '}') : text,
        )
        const { block, rejected } = shape(aBlock(records), settings({ shape: 'envelope' }), {
          path: '/',
          tag: 't',
        })
        assert.deepEqual(rejected, [])
        for (const [index, text] of textsOf(block).entries()) {
          const row = JSON.parse(text) as Record<string, unknown>
          const { date, ...rest } = JSON.parse(records[index] ?? '') as Record<string, unknown>
          assert.deepEqual(row['log'], rest)
          assert.equal('timestamp' in row, date !== undefined)
          if (!hasDate) assert(text.endsWith(`"log":${texts[index]}}`), text)
        }
        assert.equal(textsOf(block).length, records.length)
      }),
    )
  })
})

describe('added fields', () => {
  for (const [record, add, expected] of [
    ['{"a":1}', { b: 2, c: true, d: 'x"' }, '{"a":1,"b":2,"c":true,"d":"x\\""}'],
    ['{}', { b: 2 }, '{"b":2}'],
    ['{ }', { b: 2, c: 3 }, '{ "b":2,"c":3}'],
    ['{"b":null}', { b: 2 }, '{"b":null}'],
    ['{"\\u0062":1,"x":{"c":1}}', { b: 2, c: 3 }, '{"\\u0062":1,"x":{"c":1},"c":3}'],
    [
      '{"a":1}',
      { b: '{tag}', c: '{tag[1]}', d: '{tag[2]}', e: '<{tag[0]}>' },
      '{"a":1,"b":"k.n","c":"n","e":"<k>"}',
    ],
    [
      '{"a":{"b":[1, 9007199254740993]}}',
      { c: '{record.a.b}' },
      '{"a":{"b":[1, 9007199254740993]},"c":[1, 9007199254740993]}',
    ],
    ['{"a":"\\u0041"}', { b: '{record.a}', c: '-{record.a}' }, '{"a":"\\u0041","b":"\\u0041","c":"-A"}'],
    [
      '{"a":1.50,"t":true,"n":null,"o":{}}',
      { b: '{record.a}/{record.t}', c: 'x{record.n}', d: 'x{record.o}', e: '{record.zz}', f: '{record.n}' },
      '{"a":1.50,"t":true,"n":null,"o":{},"b":"1.50/true","f":null}',
    ],
    ['{"a":1,"a":2}', { b: '{record.a}' }, '{"a":1,"a":2,"b":2}'],
  ] as const) {
    it(`makes ${expected} of ${record}`, () => {
      assert.equal(shaped(record, { add: { ...add } }, 'k.n'), expected)
    })
  }

  it('are left out of a record without the first of them, and commas still fit', () => {
    assert.equal(shaped('{}', { add: { a: '{record.x}', b: 1 } }), '{"b":1}')
    assert.equal(shaped('{}', { add: { a: '{tag}', b: 1 } }), '{"b":1}')
    assert.equal(shaped('{}', { add: { a: '{record.x}' } }), '{}')
  })

  it('copy a value of any length, and put none over 1 MiB into a text', () => {
    const record = `{"a":"${'x'.repeat(MiB)}"}`
    const kept = { oversizedValues: 'keep' } as const
    assert.equal(
      shaped(record, { ...kept, add: { b: '-{record.a}', c: 1 } }),
      `${record.slice(0, -1)},"c":1}`,
    )
    assert.equal(shaped(record, { ...kept, add: { b: '{record.a}' } })?.length, 2 * MiB + 15)
  })

  it('belong to the row of an envelope, and see the record as it came', () => {
    const add = { cluster: 'prod', day: '{record.date}', tag: 'never', timestamp: 'none', log: 1 }
    assert.equal(
      shaped('{"date":0,"cluster":"x"}', { shape: 'envelope', add }, 't'),
      '{"timestamp":"1970-01-01T00:00:00.0000000Z","tag":"t","log":{"cluster":"x"},"cluster":"prod","day":0}',
    )
    assert.equal(
      shaped('{}', { shape: 'envelope', add }),
      '{"log":{},"cluster":"prod","tag":"never","timestamp":"none"}',
    )
  })

  it('go with dates that become text', () => {
    assert.equal(
      shaped('{"date":0}', { dateFormat: 'iso8601', add: { d: '{record.date}' } }),
      '{"date":"1970-01-01T00:00:00.0000000Z","d":0}',
    )
  })

  it('leave any record with its fields and the added ones', () => {
    fc.assert(
      fc.property(fc.array(objectTexts(trickyText, ' '), { maxLength: 5 }), trickyText, (texts, key) => {
        fc.pre(!key.includes('\\') && key !== '__proto__')
        const { block } = shape(aBlock(texts), settings({ add: { [key]: 7 } }), head)
        for (const [index, text] of textsOf(block).entries()) {
          const before = JSON.parse(texts[index] ?? '') as Record<string, unknown>
          const expected = Object.hasOwn(before, key) ? before : { ...before, [key]: 7 }
          assert.deepEqual(JSON.parse(text), expected)
        }
      }),
    )
  })
})

describe('oversized_values: dead_letter', () => {
  const limit = 'x'.repeat(MiB)
  const codes = (records: readonly string[], overrides: Overrides = {}) => {
    const { block, rejected } = shape(aBlock(records), settings(overrides), { path: '/', tag: 't' })
    for (const { code, reason } of rejected) {
      assert.equal(code, 'RECORD_VALUE_TOO_LARGE')
      assert.match(reason, /over 1048576 bytes/)
      assert.doesNotMatch(reason, /xxx|secret/)
    }
    return { kept: textsOf(block), rejected: rejected.map(({ bytes }) => bytes.toString()) }
  }

  it('rejects the record alone, with its bytes, and keeps its neighbours', () => {
    const large = `{"a":1,"secret":"${limit}x"}`
    assert.deepEqual(codes(['{"a":1}', large, '{"b":2}', large, '{ }']), {
      kept: ['{"a":1}', '{"b":2}', '{ }'],
      rejected: [large, large],
    })
  })

  for (const [name, value, isKept] of [
    ['text at the limit', `"${limit}"`, true],
    ['text over the limit', `"${limit}x"`, false],
    ['text at the limit after its escapes', `"${'\\n'.repeat(MiB)}"`, true],
    ['text over the limit after its escapes', `"${'\\n'.repeat(MiB)}\\u0041"`, false],
    ['escapes of two bytes at the limit', `"${'\\u00e9'.repeat(MiB / 2)}"`, true],
    ['escapes of two bytes over it', `"${'\\u00e9'.repeat(MiB / 2)}x"`, false],
    ['escapes of three bytes over it', `"${'\\u20AC'.repeat(MiB / 3 + 1)}"`, false],
    ['pairs at the limit', `"${'\\uD83D\\ude00'.repeat(MiB / 4)}"`, true],
    ['pairs over it', `"${'\\uD83D\\ude00'.repeat(MiB / 4)}x"`, false],
    ['halves of pairs over it', `"${'\\ud83dx'.repeat(MiB / 4)}y"`, false],
    ['raw UTF-8 at the limit', `"${'é'.repeat(MiB / 2)}"`, true],
    ['raw UTF-8 over it', `"${'é'.repeat(MiB / 2)}x"`, false],
    ['a list at the limit', `[${' '.repeat(MiB - 2)}]`, true],
    ['a list over it', `[${' '.repeat(MiB - 1)}]`, false],
    ['an object over it', `{"a":"${limit}"}`, false],
  ] as const) {
    it(`${isKept ? 'keeps' : 'rejects'} ${name}`, () => {
      assert.equal(codes([`{"k":1,"v":${value}}`]).kept.length, isKept ? 1 : 0)
    })
  }

  it('keeps a long record of shorter values', () => {
    assert.equal(codes([`{"a":"${limit}","b":"${limit}"}`]).rejected.length, 0)
  })

  it('looks at the record in its new shape, and rejects the one that came', () => {
    const half = 'x'.repeat(MiB / 2)
    const record = `{"date":0,"a":"${half}","b":"${half}"}`
    assert.deepEqual(codes(['{"c":1}', record]).rejected, [])
    assert.deepEqual(codes(['{"c":1}', record], { shape: 'envelope' }), {
      kept: ['{"tag":"t","log":{"c":1}}'],
      rejected: [record],
    })
  })

  it('is not asked for with keep', () => {
    assert.equal(codes([`{"a":"${limit}x"}`], { oversizedValues: 'keep', add: { b: 1 } }).kept.length, 1)
  })
})

describe('growth', () => {
  it('ends at a bound, beyond which the rest is rejected as it came, in one piece', () => {
    const tag = 't'.repeat(15_000)
    const records = Array.from({ length: 10_000 }, (_, index) => `{"id":${index}}`)
    const { block, rejected } = shape(aBlock(records), settings({ shape: 'envelope' }), { path: '/', tag })

    const kept = textsOf(block).length
    assert(block.bytes.length <= 64 * MiB + 1 && kept > 4_000)
    assert.equal(rejected.length, 1)
    assert.equal(rejected[0]?.bytes.toString(), records.slice(kept).join('\n'))
    assert.equal(
      textsOf(block)
        .at(-1)
        ?.endsWith(`"log":{"id":${kept - 1}}}`),
      true,
    )
  })

  it('of one record by copies of a value ends there too', () => {
    const add = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, '{record.a}']))
    const record = `{"a":"${'x'.repeat(MiB)}"}`
    const { block, rejected } = shape(aBlock(['{}', record]), settings({ add }), head)
    assert.deepEqual(textsOf(block), ['{}'])
    assert.equal(rejected[0]?.bytes.toString(), record)
  })
})
