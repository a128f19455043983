import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isoOfEpoch } from '../../../sidecar/shape/epoch.ts'

describe('isoOfEpoch', () => {
  for (const [text, expected] of [
    ['0', '1970-01-01T00:00:00.0000000Z'],
    ['-0.0', '1970-01-01T00:00:00.0000000Z'],
    ['1700000000', '2023-11-14T22:13:20.0000000Z'],
    ['1700000000.123457', '2023-11-14T22:13:20.1234570Z'],
    ['1700000000.12345678901', '2023-11-14T22:13:20.1234567Z'],
    ['1700000000.99999999', '2023-11-14T22:13:20.9999999Z'],
    ['1700000000123', '2023-11-14T22:13:20.1230000Z'],
    ['1700000000123456', '2023-11-14T22:13:20.1234560Z'],
    ['1700000000123456789', '2023-11-14T22:13:20.1234567Z'],
    ['1700000000123.4567', '2023-11-14T22:13:20.1234567Z'],
    ['1.700000000123457e+09', '2023-11-14T22:13:20.1234570Z'],
    ['1.7E9', '2023-11-14T22:13:20.0000000Z'],
    ['17e8', '2023-11-14T22:13:20.0000000Z'],
    ['17000000000000e-4', '2023-11-14T22:13:20.0000000Z'],
    ['0.0000001', '1970-01-01T00:00:00.0000001Z'],
    ['1e-9', '1970-01-01T00:00:00.0000000Z'],
    ['0e9999', '1970-01-01T00:00:00.0000000Z'],
    ['1e-9999', '1970-01-01T00:00:00.0000000Z'],
    ['99999999999', '5138-11-16T09:46:39.0000000Z'],
    ['100000000000', '1973-03-03T09:46:40.0000000Z'],
    ['99999999999999', '5138-11-16T09:46:39.9990000Z'],
    ['100000000000000', '1973-03-03T09:46:40.0000000Z'],
    ['100000000000000000', '1973-03-03T09:46:40.0000000Z'],
    ['99999999999999999999', '5138-11-16T09:46:39.9999999Z'],
    ['-1', '1969-12-31T23:59:59.0000000Z'],
    ['-0.25', '1969-12-31T23:59:59.7500000Z'],
    ['-0.00000001', '1969-12-31T23:59:59.9999999Z'],
    ['-0.99999999', '1969-12-31T23:59:59.0000000Z'],
    ['-62135596800', '0001-01-01T00:00:00.0000000Z'],
    ['-62135596800.1', undefined],
    ['-99999999999', undefined],
    ['100000000000000000000', undefined],
    ['1e20', undefined],
    ['1e9999', undefined],
    ['1e99999', undefined],
    [`1.${'0'.repeat(200)}`, undefined],
  ] as const) {
    it(`makes ${expected ?? 'nothing'} of ${text.slice(0, 30)}`, () => {
      assert.equal(isoOfEpoch(text), expected)
    })
  }

  it('agrees with Date for any millisecond of a log, in every unit and with any exponent', () => {
    const ms = fc.integer({ min: 10 ** 11, max: 4 * 10 ** 12 })
    fc.assert(
      fc.property(ms, fc.integer({ min: 0, max: 12 }), (ms, shift) => {
        const expected = new Date(ms).toISOString().replace('Z', '0000Z')
        const digits = String(ms)
        for (const text of [
          digits,
          `${digits}000`,
          `${digits}000000`,
          `${digits.slice(0, -3)}.${digits.slice(-3)}`,
          `${digits.slice(0, 1)}.${digits.slice(1)}e${digits.length - 4}`,
          `${digits}${'0'.repeat(shift)}e-${shift}`,
          `0.${'0'.repeat(shift)}${digits}e${digits.length + shift}`,
        ]) {
          assert.equal(isoOfEpoch(text), expected, text)
        }
      }),
    )
  })

  it('cuts off towards the past on both sides of 1970', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }), (nanoseconds) => {
        const digits = String(nanoseconds < 0n ? -nanoseconds : nanoseconds).padStart(10, '0')
        const text = `${nanoseconds < 0n ? '-' : ''}${digits.slice(0, -9).replace(/^0+(?=\d)/, '')}.${digits.slice(-9)}`
        const floor = (value: bigint, by: bigint) => (value - (((value % by) + by) % by)) / by
        const ticks = floor(nanoseconds, 100n)
        const seconds = floor(ticks, 10_000_000n)
        const rest = String(ticks - seconds * 10_000_000n).padStart(7, '0')
        const expected = `${new Date(Number(seconds) * 1_000).toISOString().slice(0, 19)}.${rest}Z`
        assert.equal(isoOfEpoch(text), expected, text)
      }),
    )
  })
})
