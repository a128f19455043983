import type { BatchId } from './ports.ts'

/** What a batch id is made of. */
export type BatchIdParts = {
  readonly writer: string
  readonly epoch: number
  /** Undefined for batches in memory, whose writer is random at each start. */
  readonly nonce: string | undefined
  readonly sequence: number
}

/**
 * Batches of checkpoint rows have no rows of their own, so that there is no endless chain of them. Their sequences start here, so that they
 * leave no holes in those of the batches that have rows. With ten digits as all others in the names of files, and out of reach: at
 * a thousand batches a second for 57 days without a restart.
 */
export const firstCheckpointSequence = 5_000_000_000

export function batchIdOf({ writer, epoch, nonce, sequence }: BatchIdParts): BatchId {
  return `${writer}:${nonce === undefined ? epoch : `${epoch}.${nonce}`}:${sequence}`
}

/** Undefined when the text is no batch id. */
export function parseBatchId(id: BatchId): BatchIdParts | undefined {
  const [, writer, epoch, nonce, sequence] = /^(.*):(\d+)(?:\.([^:.]*))?:(\d+)$/s.exec(id) ?? []
  if (writer === undefined) return undefined
  return { writer, epoch: Number(epoch), nonce, sequence: Number(sequence) }
}

/** Whether the batch holds checkpoint rows that the sidecar made itself. */
export function isCheckpointBatch(id: BatchId): boolean {
  return (parseBatchId(id)?.sequence ?? 0) >= firstCheckpointSequence
}
