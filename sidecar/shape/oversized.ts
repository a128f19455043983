import { MemberCursor, typeAt } from '../core/json-members.ts'
import type { Decoded, RejectedRecord } from '../core/ports.ts'
import { type RecordBlock, recordCount } from '../core/record-block.ts'
import { BlockWriter } from './block-writer.ts'

/**
 * Kusto cuts a string to 1 MiB of UTF-8 and stores null for a larger dynamic value, without an error
 * (learn.microsoft.com/kusto/query/scalar-data-types, the pages of `string` and `dynamic`).
 */
const maxValueBytes = 1_048_576

const BACKSLASH = 0x5c

/**
 * Takes records out that have a value at their top level, which becomes a column, that Kusto would not store as a whole. A string is
 * measured by what its escapes mean, an object or list as it is written. Record i of `original` is the one that record i of `block` was
 * made from, and is what is rejected.
 */
export function withoutOversized(block: RecordBlock, original: RecordBlock): Decoded {
  if (block.bytes.length <= maxValueBytes) return { block, rejected: [] }
  const oversized = oversizedRecords(block)
  if (oversized.length === 0) return { block, rejected: [] }
  const rejected = oversized.map((record): RejectedRecord => {
    const start = record === 0 ? 0 : (original.ends[record - 1] as number)
    return {
      code: 'RECORD_VALUE_TOO_LARGE',
      reason: `A field of the record is over ${maxValueBytes} bytes, of which Kusto would store a part (text) or nothing (objects and lists). To send it all the same set records.oversized_values to keep.`,
      bytes: original.bytes.subarray(start, (original.ends[record] as number) - 1),
    }
  })
  return { block: without(block, oversized), rejected }
}

/** The indexes of the records with such a value, growing. */
function oversizedRecords({ bytes, ends }: RecordBlock): number[] {
  const cursor = new MemberCursor(bytes)
  const found: number[] = []
  for (let record = 0, start = 0; record < ends.length; record += 1) {
    const end = ends[record] as number
    if (end - 1 - start > maxValueBytes && hasOversizedValue(cursor, start, end - 1)) found.push(record)
    start = end
  }
  return found
}

function hasOversizedValue(cursor: MemberCursor, start: number, end: number): boolean {
  cursor.enter(start, end)
  while (cursor.next()) {
    if (cursor.valueEnd - cursor.valueStart <= maxValueBytes) continue
    if (typeAt(cursor.bytes, cursor.valueStart) !== 'string') return true
    if (textBytes(cursor.bytes, cursor.valueStart + 1, cursor.valueEnd - 1) > maxValueBytes) return true
  }
  return false
}

/** How many bytes the content of a JSON string takes as UTF-8 once its escapes are resolved. */
function textBytes(bytes: Buffer, start: number, end: number): number {
  let count = 0
  let offset = start
  while (offset < end) {
    if (bytes[offset] !== BACKSLASH) {
      count += 1
      offset += 1
    } else if (bytes[offset + 1] !== 0x75) {
      count += 1
      offset += 2
    } else {
      const unit = codeUnitAt(bytes, offset)
      const isPair = isHighSurrogate(unit) && isLowSurrogate(codeUnitAt(bytes, offset + 6))
      count += isPair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
      offset += isPair ? 12 : 6
    }
  }
  return count
}

/** The number in the `\uXXXX` at the offset; NaN when there is none. */
function codeUnitAt(bytes: Buffer, offset: number): number {
  if (bytes[offset] !== BACKSLASH || bytes[offset + 1] !== 0x75) return Number.NaN
  return Number.parseInt(bytes.toString('latin1', offset + 2, offset + 6), 16)
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}

/** The block without some of its records, whose indexes grow. */
function without(block: RecordBlock, left: readonly number[]): RecordBlock {
  const startOf = (record: number) => (record === 0 ? 0 : (block.ends[record - 1] as number))
  const leftBytes = left.reduce((sum, record) => sum + (block.ends[record] as number) - startOf(record), 0)
  const writer = new BlockWriter(recordCount(block) - left.length, block.bytes.length - leftBytes)
  let next = 0
  for (let record = 0; record < block.ends.length; record += 1) {
    if (left[next] === record) {
      next += 1
      continue
    }
    writer.copy(block.bytes, startOf(record), (block.ends[record] as number) - 1)
    writer.endRecord()
  }
  return writer.block()
}
