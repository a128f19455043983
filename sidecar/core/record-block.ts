import assert from 'node:assert/strict'

/**
 * A run of records as newline-delimited JSON.
 *
 * `bytes` holds the records one after the other, each followed by exactly one "\n" and holding no other newline.
 * `ends[i]` is the offset just after the newline of record i. The bytes of a valid record are those that the shipper sent
 * (9007199254740993 stays as it is); only newlines between tokens are replaced by spaces.
 */
export type RecordBlock = { readonly bytes: Buffer; readonly ends: Uint32Array }

const emptyBlock: RecordBlock = { bytes: Buffer.alloc(0), ends: new Uint32Array(0) }

export function recordCount(block: RecordBlock): number {
  return block.ends.length
}

/**
 * Cuts a block in two after as many records as fit into both limits. The head may be empty when not even one fits.
 * No bytes are copied.
 */
export function splitBlock(
  block: RecordBlock,
  maxRecords: number,
  maxBytes: number,
): { head: RecordBlock; tail: RecordBlock } {
  const count = Math.min(maxRecords, countWithin(block.ends, maxBytes))
  assert(count >= 0)
  if (count >= block.ends.length) return { head: block, tail: emptyBlock }
  const cut = count === 0 ? 0 : (block.ends[count - 1] ?? 0)
  const head = { bytes: block.bytes.subarray(0, cut), ends: block.ends.subarray(0, count) }
  const tail = { bytes: block.bytes.subarray(cut), ends: block.ends.slice(count).map((end) => end - cut) }
  return { head, tail }
}

/** How many records end at or before `maxBytes`: a binary search, since `ends` grows. */
function countWithin(ends: Uint32Array, maxBytes: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ends[middle] ?? 0) <= maxBytes) low = middle + 1
    else high = middle
  }
  return low
}
