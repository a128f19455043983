import type { Decoded, RejectedRecord, Shape } from '../core/ports.ts'
import { type RecordBlock, recordCount } from '../core/record-block.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import type { RequestHead } from '../core/request-head.ts'
import { BlockWriter } from './block-writer.ts'
import { withoutOversized } from './oversized.ts'
import { RowShaper } from './row-shaper.ts'

/**
 * Tags, added fields and envelopes make records longer. A block of millions of tiny records with a long tag would grow without end;
 * what logs grow by is far below either of these bounds, of which the larger counts.
 */
const growthFactor = 16
const growthMinBytes = 64 * 1_048_576

/**
 * Brings the records of a block into the shape that their target wants, without parsing or rewriting their values.
 *
 * - `as_is` leaves records alone; with `dateFormat: iso8601` a number under `dateKey` becomes text.
 * - `envelope` makes the rows of Fluent Bit's own Kusto output: `{"timestamp":"...","tag":"...","log":{...}}`. The time is moved out of
 *   the record. A record without a time has a row without one, since none is invented; it is the same for the tag. A value
 *   under `dateKey` that is neither text nor a number that can be a time stays in the record.
 * - `add` appends fields to the record (or row) that it has not yet.
 *
 * Records with a value that Kusto would not store as a whole are rejected with their original bytes. A block that needs nothing is
 * returned as it is, the identical object.
 */
export const shape: Shape = (block, settings, head) => {
  const shaped = needsRewriting(settings) ? rewrite(block, settings, head) : { block, rejected: [] }
  if (settings.oversizedValues === 'keep') return shaped
  const checked = withoutOversized(shaped.block, block)
  return { block: checked.block, rejected: [...checked.rejected, ...shaped.rejected] }
}

function needsRewriting({ shape, dateFormat, add }: RecordSettings): boolean {
  return shape === 'envelope' || dateFormat === 'iso8601' || add.length > 0
}

function rewrite(block: RecordBlock, settings: RecordSettings, { tag }: RequestHead): Decoded {
  const maxBytes = Math.max(growthMinBytes, block.bytes.length * growthFactor)
  const writer = new BlockWriter(recordCount(block), Math.ceil(block.bytes.length * 1.5))
  const rows = new RowShaper(block.bytes, writer, settings, tag)
  let start = 0
  for (const end of block.ends) {
    const lengthBefore = writer.bytesCount
    if (!rows.write(start, end - 1, maxBytes)) {
      writer.truncate(lengthBefore)
      return { block: writer.block(), rejected: [restOf(block, start)] }
    }
    start = end
  }
  return { block: writer.block(), rejected: [] }
}

/** What did not fit, in one piece, so that a million records make one dead letter. */
function restOf(block: RecordBlock, start: number): RejectedRecord {
  return {
    code: 'SHAPE_TOO_LARGE',
    reason: `With the tag and the fields of records.add the records of this body grow to more than ${growthFactor} times their size and ${growthMinBytes} bytes; the rest of them is kept here as it came.`,
    bytes: block.bytes.subarray(start, block.bytes.length - 1),
  }
}
