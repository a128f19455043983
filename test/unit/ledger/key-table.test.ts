import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyTable } from '../../../sidecar/ledger/key-table.ts'

/** Keys of which many want the same place in the table. */
const crowdedKey = (number: number) =>
  `${(number % 3).toString(16).padStart(8, '0')}${number.toString(16).padStart(24, '0')}`

const spreadKey = (number: number) =>
  (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').repeat(4)

describe('KeyTable', () => {
  it('does what a Map does, and knows the oldest', () => {
    const step = fc.tuple(fc.constantFrom('add', 'delete', 'oldest'), fc.nat({ max: 40 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new KeyTable()
        const model = new Map<string, number>()
        for (const [index, [kind, number]] of steps.entries()) {
          const key = crowdedKey(number)
          const [oldest] = model
          assert.equal(table.oldestTick, oldest?.[1])
          if (kind === 'add' && !model.has(key)) {
            table.add(key, index)
            model.set(key, index)
          } else if (kind === 'delete') assert.equal(table.delete(key), model.delete(key))
          else if (kind === 'oldest' && oldest !== undefined) {
            table.deleteOldest()
            model.delete(oldest[0])
          }
          assert.equal(table.size, model.size)
        }
        for (let number = 0; number <= 40; number += 1) {
          assert.equal(table.get(crowdedKey(number)), model.get(crowdedKey(number)))
        }
      }),
    )
  })

  it('keeps its order and its keys when it grows, and does not grow while keys come and go', () => {
    const table = new KeyTable()
    const key = spreadKey
    for (let number = 0; number < 5_000; number += 1) table.add(key(number), number)
    for (let number = 0; number < 5_000; number += 1) assert.equal(table.get(key(number)), number)
    const { bytesCount } = table
    for (let number = 5_000; number < 100_000; number += 1) {
      table.deleteOldest()
      table.add(key(number), number)
      assert.equal(table.oldestTick, number - 4_999)
    }
    assert.equal(table.bytesCount, bytesCount)
    assert.equal(table.get(key(95_000)), 95_000)
    assert.equal(table.get(key(94_999)), undefined)
  })

  it('brings no deleted key back when it makes room', () => {
    const table = new KeyTable()
    for (let number = 0; number < 3_000; number += 1) {
      table.add(spreadKey(number), number)
      if (number % 2 === 0) table.delete(spreadKey(number))
    }
    for (let number = 0; number < 3_000; number += 1) {
      assert.equal(table.get(spreadKey(number)), number % 2 === 0 ? undefined : number)
    }
    assert.equal(table.size, 1_500)
    assert(table.bytesCount < 3_000 * 28, 'deleted keys take no room for long')
  })

  it('takes less than 60 bytes for a key when there are many', () => {
    const table = new KeyTable()
    for (let number = 0; number < 200_000; number += 1) {
      table.add(spreadKey(number), number)
    }
    assert(table.bytesCount / table.size < 60, `${table.bytesCount / table.size}`)
  })
})
