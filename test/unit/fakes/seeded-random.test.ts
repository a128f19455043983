import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../fakes/seeded-random.ts'

const take = (seed: number, count: number) => {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

describe('SeededRandom', () => {
  it('repeats itself for the same seed and differs for another', () => {
    assert.deepEqual(take(7, 20), take(7, 20))
    assert.notDeepEqual(take(7, 20), take(8, 20))
  })

  it('stays in [0, 1) and is spread evenly', () => {
    const numbers = take(1, 10_000)
    assert.ok(numbers.every((number) => number >= 0 && number < 1))
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const count = numbers.filter((number) => Math.floor(number * 10) === tenth).length
      assert.ok(count > 850 && count < 1_150, `${count} of 10,000 numbers are in tenth ${tenth}`)
    }
  })

  it('makes hex of the asked length', () => {
    assert.match(new SeededRandom(3).hex(16), /^[0-9a-f]{32}$/)
  })
})
