import assert from 'node:assert/strict'
import type { RecordBlock } from '../../sidecar/core/record-block.ts'

/** The records of a block without their newlines, after checking the form that every block promises. */
export function recordsOf(block: RecordBlock): Buffer[] {
  let start = 0
  const records: Buffer[] = []
  for (const end of block.ends) {
    const record = block.bytes.subarray(start, end - 1)
    assert.equal(block.bytes[end - 1], 0x0a, `no newline ends the record before byte ${end}`)
    assert.equal(record.includes(0x0a), false, `a newline is inside the record before byte ${end}`)
    records.push(record)
    start = end
  }
  assert.equal(start, block.bytes.length, 'there are bytes after the last record')
  return records
}

/** As `recordsOf`, as text. */
export function textsOf(block: RecordBlock): string[] {
  return recordsOf(block).map((record) => record.toString())
}
