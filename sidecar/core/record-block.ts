/**
 * A run of records as newline-delimited JSON.
 *
 * `bytes` holds the records one after the other, each followed by exactly one "\n" and holding no other newline.
 * `ends[i]` is the offset just after the newline of record i. The bytes of a valid record are those that the shipper sent
 * (9007199254740993 stays as it is); only newlines between tokens are replaced by spaces.
 */
export type RecordBlock = { readonly bytes: Buffer; readonly ends: Uint32Array }

/** Some records of a block, one after the other. */
export type RecordSlice = { readonly bytes: Buffer; readonly recordCount: number }

export function recordCount(block: RecordBlock): number {
  return block.ends.length
}

/** Each record without its newline, as a view. */
export function* recordsOf(block: RecordBlock): Generator<Buffer> {
  let start = 0
  for (const end of block.ends) {
    yield block.bytes.subarray(start, end - 1)
    start = end
  }
}

/**
 * As many records from record `first` on as fit into both limits; perhaps none. Nothing is copied, and the work does not grow with
 * the block, so that a block of a million records can be cut into thousands of slices.
 */
export function sliceBlock(
  block: RecordBlock,
  first: number,
  maxRecords: number,
  maxBytes: number,
): RecordSlice {
  const start = startOf(block, first)
  const last = Math.min(first + maxRecords, countWithin(block.ends, start + maxBytes))
  const count = Math.max(0, last - first)
  return { bytes: block.bytes.subarray(start, startOf(block, first + count)), recordCount: count }
}

/** A run of records as a block of its own. The bytes are not copied. */
export function partOfBlock(block: RecordBlock, first: number, count: number): RecordBlock {
  if (first === 0 && count === recordCount(block)) return block
  const start = startOf(block, first)
  return {
    bytes: block.bytes.subarray(start, startOf(block, first + count)),
    ends: block.ends.slice(first, first + count).map((end) => end - start),
  }
}

function startOf(block: RecordBlock, record: number): number {
  return record === 0 ? 0 : (block.ends[record - 1] ?? 0)
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
