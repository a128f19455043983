import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sliceBlock } from '../../../sidecar/core/record-block.ts'
import { aBlock } from '../../helpers/batches.ts'

describe('sliceBlock', () => {
  it('takes as many records as fit into both limits, in order', () => {
    const records = fc.array(
      fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
      { maxLength: 50 },
    )
    fc.assert(
      fc.property(records, fc.nat(50), fc.nat(60), fc.nat(600), (texts, from, maxRecords, maxBytes) => {
        const first = Math.min(from, texts.length)
        const slice = sliceBlock(aBlock(texts), first, maxRecords, maxBytes)

        const expected = texts.slice(first, first + slice.recordCount)
        assert.equal(slice.bytes.toString('utf8'), expected.map((text) => `${text}\n`).join(''))
        assert.ok(slice.recordCount <= maxRecords)
        assert.ok(slice.bytes.length <= maxBytes)
        const next = texts[first + slice.recordCount]
        const isFullEnough =
          next === undefined ||
          slice.recordCount === maxRecords ||
          slice.bytes.length + Buffer.byteLength(next) + 1 > maxBytes
        assert.ok(isFullEnough, 'one more would not have fitted')
      }),
    )
  })
})
