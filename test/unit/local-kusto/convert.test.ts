import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fromJson } from '../../../sidecar/local-kusto/engine/convert.ts'
import { responseValue } from '../../../sidecar/local-kusto/engine/text.ts'
import {
  formatDatetime,
  formatTimespan,
  parseDatetime,
  parseTimespan,
} from '../../../sidecar/local-kusto/engine/ticks.ts'
import { Dynamic, type ColumnType } from '../../../sidecar/local-kusto/engine/values.ts'

describe('fromJson', () => {
  const cases: readonly [ColumnType, string, unknown][] = [
    ['long', '9223372036854775807', 9223372036854775807n],
    ['long', '-9223372036854775808', -9223372036854775808n],
    ['long', '9223372036854775808', null],
    ['long', '1.5', null],
    ['long', '"12"', 12n],
    ['long', 'true', null],
    ['int', '2147483648', null],
    ['int', '-2147483648', -2147483648n],
    ['real', '1', 1],
    ['real', '"1e3"', 1000],
    ['real', '"abc"', null],
    ['bool', 'false', false],
    ['bool', '"True"', true],
    ['bool', '2', null],
    ['string', '"a\\u0000"', 'a\u0000'],
    ['string', '12.50', '12.50'],
    ['string', '{"a": 1}', '{"a": 1}'],
    ['string', 'null', ''],
    ['string', '"\\ud800"', '\ufffd'],
    ['guid', '"74BE27DE-1E4E-49D9-B579-FE0B331D3642"', '74be27de-1e4e-49d9-b579-fe0b331d3642'],
    ['guid', '"x"', null],
    ['decimal', '1.10', '1.10'],
    ['datetime', '"yesterday"', null],
    ['datetime', '1700000000', null],
    ['timespan', '"00:01:00"', 600_000_000n],
    ['dynamic', '{"a" : 1}', new Dynamic('{"a" : 1}')],
    ['dynamic', 'null', null],
  ]
  for (const [type, json, expected] of cases) {
    it(`turns ${json} into a ${type}`, () => {
      assert.deepEqual(fromJson(json, type), expected)
    })
  }

  it('cuts a string at 1 MB, never inside of a character, and makes a larger dynamic null', () => {
    const megabyte = 1024 * 1024
    const text = `a${'😀'.repeat(megabyte / 4)}`

    const cut = fromJson(JSON.stringify(text), 'string') as string

    assert.equal(cut, text.slice(0, 1 + (megabyte / 4 - 1) * 2))
    assert.equal(fromJson(JSON.stringify(text), 'dynamic'), null)
  })
})

describe('datetime text', () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    '2026-01-31T23:59:59.1234567Z': '2026-01-31T23:59:59.1234567Z',
    '2026-01-31T23:59:59.123456789Z': '2026-01-31T23:59:59.1234567Z',
    '2026-01-31T23:59:59.5+02:00': '2026-01-31T21:59:59.5000000Z',
    '2026-01-31 23:59': '2026-01-31T23:59:00.0000000Z',
    '2024-02-29': '2024-02-29T00:00:00.0000000Z',
    '0001-01-01': '0001-01-01T00:00:00.0000000Z',
    '2026-02-29': undefined,
    '2026-01-31T24:00:00Z': undefined,
    '2026-01-31T23:59:59Zzz': undefined,
    '': undefined,
  }
  for (const [text, expected] of Object.entries(cases)) {
    it(`is read from '${text}'`, () => {
      const ticks = parseDatetime(text)
      assert.equal(ticks === undefined ? undefined : formatDatetime(ticks), expected)
    })
  }

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 3_155_378_975_999_999_999n }), (ticks) => {
        assert.equal(parseDatetime(formatDatetime(ticks)), ticks)
      }),
    )
  })
})

describe('timespan text', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (ticks) => {
        assert.equal(parseTimespan(formatTimespan(ticks)), ticks)
      }),
    )
  })

  it('is days, hours, minutes, seconds and a fraction', () => {
    assert.equal(formatTimespan(937_840_000_001n), '1.02:03:04.0000001')
    assert.equal(parseTimespan('2'), 2n * 864_000_000_000n)
    assert.equal(parseTimespan('00:60:00'), undefined)
    assert.equal(parseTimespan('abc'), undefined)
  })
})

describe('responseValue', () => {
  it('writes every type as the service does', () => {
    const written = (value: Parameters<typeof responseValue>[0], type: ColumnType) =>
      JSON.stringify(responseValue(value, type))

    assert.equal(written(9223372036854775807n, 'long'), '9223372036854775807')
    assert.equal(written(Number.NaN, 'real'), '"NaN"')
    assert.equal(written(new Dynamic('{"a": 1}'), 'dynamic'), String.raw`"{\"a\": 1}"`)
    assert.equal(written(new Dynamic('"text"'), 'dynamic'), '"text"')
    assert.equal(written(new Dynamic('9007199254740993'), 'dynamic'), '9007199254740993')
    assert.equal(written(10_000_000n, 'timespan'), '"00:00:01"')
    assert.equal(written(null, 'bool'), 'null')
  })
})
