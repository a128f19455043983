import type { RecordBlock } from '../core/record-block.ts'

/**
 * The records of a block by part: record i goes to part `partOf[i]`, of `partsCount`. Order is kept within each part. A block of one
 * part is not copied.
 */
export function divideBlock(block: RecordBlock, partOf: Uint32Array, partsCount: number): RecordBlock[] {
  if (partsCount === 1) return [block]
  const counts = new Uint32Array(partsCount)
  const lengths = Array.from({ length: partsCount }, () => 0)
  for (let record = 0, start = 0; record < partOf.length; record += 1) {
    const part = partOf[record] as number
    const end = block.ends[record] as number
    counts[part] = (counts[part] as number) + 1
    lengths[part] = (lengths[part] as number) + end - start
    start = end
  }
  const parts = lengths.map((length, part) => ({
    bytes: Buffer.allocUnsafe(length),
    ends: new Uint32Array(counts[part] as number),
  }))
  copyRecords(block, partOf, parts)
  return parts
}

function copyRecords(block: RecordBlock, partOf: Uint32Array, parts: readonly RecordBlock[]): void {
  const written = parts.map(() => ({ records: 0, bytesCount: 0 }))
  let runStart = 0
  for (let record = 0, start = 0; record < partOf.length; record += 1) {
    const index = partOf[record] as number
    const end = block.ends[record] as number
    const part = parts[index] as RecordBlock
    const progress = written[index] as { records: number; bytesCount: number }
    progress.bytesCount += end - start
    part.ends[progress.records] = progress.bytesCount
    progress.records += 1
    start = end
    // Neighbours that stay together are copied in one go.
    if (partOf[record + 1] === index) continue
    block.bytes.copy(part.bytes, progress.bytesCount - (end - runStart), runStart, end)
    runStart = end
  }
}
