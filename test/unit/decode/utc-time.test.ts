import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { lastSecond, utcText } from '../../../sidecar/decode/utc-time.ts'

describe('utcText', () => {
  it('says the same as a Date, which knows no ticks', () => {
    const check = (seconds: number, ticks: number) => {
      const expected = new Date(seconds * 1000)
        .toISOString()
        .replace('.000Z', `.${String(ticks).padStart(7, '0')}Z`)
      assert.equal(utcText(seconds, ticks), expected)
    }
    fc.assert(fc.property(fc.nat({ max: lastSecond }), fc.nat({ max: 9_999_999 }), check), { numRuns: 5000 })
    for (let day = 0; day < 150_000; day += 1) check(day * 86_400 + 86_399, 1)
    check(lastSecond, 9_999_999)
  })
})
