import { createHash } from 'node:crypto'
import type { BatchId, SealedBatch } from '../core/ports.ts'

/**
 * The source id of a message: made from the id of its batch and the number of the sending, so that it is the same at every attempt and
 * after every restart, and another for each message. Shaped as a version 4 UUID, since the SDK's BlobDescriptor refuses every
 * other (azure-kusto-ingest 7.0.1, `getSourceId`).
 */
export function sourceIdOf(batchId: BatchId, sendingNumber = 0): string {
  // No batch id holds a "#", so that no two messages of any batches have the same text here.
  const text = sendingNumber === 0 ? batchId : `${batchId}#${sendingNumber}`
  const hex = createHash('sha256').update(text).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

/** A blob name holds up to 1,024 characters, and a database or table name alone may be as long. */
const partMaxLength = 200

/**
 * The name of the blob, in the form of the official SDKs (`<database>__<table>__<source id>.<format>.gz`); Kusto knows the
 * compression by the ending. Percent-encoded for use in a URL.
 */
export function blobNameOf(
  { destination, id }: Pick<SealedBatch, 'destination' | 'id'>,
  sendingNumber = 0,
): string {
  const [database, table] = [destination.database, destination.table].map((name) =>
    name.slice(0, partMaxLength),
  )
  return encodeURIComponent(`${database}__${table}__${sourceIdOf(id, sendingNumber)}.json.gz`)
}
