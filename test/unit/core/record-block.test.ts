import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { recordCount, splitBlock, type RecordBlock } from '../../../sidecar/core/record-block.ts'
import { aBlock } from '../../helpers/batches.ts'

function textsOf(block: RecordBlock): string[] {
  let start = 0
  return [...block.ends].map((end) => {
    const text = block.bytes.toString('utf8', start, end - 1)
    start = end
    return text
  })
}

describe('splitBlock', () => {
  it('keeps every record, in order, and stays within both limits', () => {
    const records = fc.array(
      fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
      { maxLength: 50 },
    )
    fc.assert(
      fc.property(records, fc.nat(60), fc.nat(600), (texts, maxRecords, maxBytes) => {
        const { head, tail } = splitBlock(aBlock(texts), maxRecords, maxBytes)

        assert.deepEqual([...textsOf(head), ...textsOf(tail)], texts)
        assert.ok(recordCount(head) <= maxRecords)
        assert.ok(head.bytes.length <= maxBytes)
        const isFullEnough =
          recordCount(tail) === 0 ||
          recordCount(head) === maxRecords ||
          head.bytes.length + (tail.ends[0] ?? 0) > maxBytes
        assert.ok(isFullEnough, 'the head takes as many records as fit')
      }),
    )
  })
})
