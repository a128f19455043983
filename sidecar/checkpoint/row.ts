import { parseBatchId } from '../core/batch-id.ts'
import { checkpointColumns } from '../core/checkpoint-columns.ts'
import type { BatchId, SettledBatch, VoidBatch } from '../core/ports.ts'

type Row = Readonly<Record<(typeof checkpointColumns)[number][0], string | number | null>>

/** The row of a batch that is settled. Without SAS: the address of its blob has none. */
export function settledRow({ batch, outcome, blob }: SettledBatch, nowMs: number): string {
  const hasRecords = outcome !== 'void'
  return rowText({
    ...identityOf(batch.id),
    database: batch.destination.database,
    table: batch.destination.table,
    outcome,
    records: hasRecords ? batch.recordCount : 0,
    raw_bytes: hasRecords ? batch.rawBytes : 0,
    blob_bytes: hasRecords ? batch.blobBytes : 0,
    first_received_at: isoTime(batch.receivedAtMs),
    last_received_at: isoTime(batch.lastReceivedAtMs),
    blob: blob?.url ?? null,
    settled_at: isoTime(nowMs),
  })
}

/** The row of a batch under whose id no record is delivered. */
export function voidRow({ id, destination, wasEmpty }: VoidBatch, nowMs: number): string {
  // Of a damaged batch nobody knows how much it held.
  const count = wasEmpty ? 0 : null
  return rowText({
    ...identityOf(id),
    database: destination?.database ?? null,
    table: destination?.table ?? null,
    outcome: 'void',
    records: count,
    raw_bytes: count,
    blob_bytes: count,
    first_received_at: null,
    last_received_at: null,
    blob: null,
    settled_at: isoTime(nowMs),
  })
}

function identityOf(id: BatchId): Pick<Row, 'writer' | 'epoch' | 'nonce' | 'sequence' | 'batch_id'> {
  const parts = parseBatchId(id)
  return {
    writer: parts?.writer ?? null,
    epoch: parts?.epoch ?? null,
    nonce: parts?.nonce ?? null,
    sequence: parts?.sequence ?? null,
    batch_id: id,
  }
}

/** One line of JSON, in the order of the columns. */
function rowText(row: Row): string {
  return JSON.stringify(Object.fromEntries(checkpointColumns.map(([name]) => [name, row[name]])))
}

/** ISO 8601. */
function isoTime(ms: number | undefined): string | null {
  // oxlint-disable-next-line no-restricted-globals -- formatting a given time asks for no time
  return ms === undefined ? null : new Date(ms).toISOString()
}
