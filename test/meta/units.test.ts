import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { optionName } from '../../sidecar/config/option-name.ts'
import { options } from '../../sidecar/config/options.ts'

/** The end of a key and the unit that the reference tells. */
const units = [
  ['_ms', /^milliseconds$/],
  ['_seconds', /^seconds$/],
  ['_mb', /^megabytes of (?:1000000|1048576) bytes$/],
] as const

/** Keys that count things. */
const counts = new Map([
  ['batch_size', /^records$/],
  ['max_attempts', /^attempts$/],
  ['max_in_flight_requests', /^requests$/],
  ['dedup_max_keys', /^requests$/],
])

function keyOf(path: readonly string[]): string {
  return path.at(-1) ?? ''
}

/** The pattern that the unit of a number must match; undefined when the key tells no unit. */
function unitPattern(key: string): RegExp | undefined {
  return counts.get(key) ?? units.find(([ending]) => key.endsWith(ending))?.[1]
}

describe('numeric options', () => {
  const numbers = options.filter((option) => option.kind === 'number')

  it('end with their unit, or count something that is listed', () => {
    assert(numbers.length > 15, `only ${numbers.length} options were seen`)
    for (const { path } of numbers) assert.notEqual(unitPattern(keyOf(path)), undefined, optionName(path))
  })

  it('tell the same unit in the reference', () => {
    for (const { path, docs } of numbers) {
      if (docs === undefined) continue // A key of a route, which the reference describes by the key of `write`.
      assert.match(docs.unit ?? '', unitPattern(keyOf(path)) ?? /^$/, optionName(path))
    }
  })

  it('are the only options with a unit', () => {
    for (const { path, kind, docs } of options) {
      if (kind !== 'number') assert.equal(docs?.unit, undefined, optionName(path))
    }
  })

  it('are found without a unit by this check', () => {
    assert.equal(unitPattern('timeout'), undefined)
    assert.notEqual(unitPattern('timeout_ms'), undefined)
  })
})
