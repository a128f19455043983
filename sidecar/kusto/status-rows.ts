/** Which status table holds the row of a message, and the effort that is made to write it before the message is sent. */
import { createHash } from 'node:crypto'
import type { Clock } from '../core/ports.ts'
import type { StorageResource } from './ingestion-resources.ts'
import { withoutSas } from './redact.ts'
import type { PendingRow, StatusRow, StatusTableClient } from './status-table.ts'

/** Where the row of a message is. `tableUrl` carries a SAS. */
export type StatusPlace = { readonly tableUrl: string; readonly key: string }

/** With the pauses and the time-out of a call this ends after half a minute at the latest. */
const writeAttempts = 3
const pauseMs = 250

/**
 * The tables in the order in which they are asked for the row of a message; the first is where it is written. Made from the source id
 * and the addresses alone, so that a later process finds the row; a table that comes or goes moves only the rows that are its own.
 */
export function tablesFor(sourceId: string, tables: readonly StorageResource[]): StorageResource[] {
  const weight = ({ url }: StorageResource): string =>
    createHash('sha256')
      .update(`${sourceId} ${withoutSas(url)}`)
      .digest('hex')
  return tables
    .map((table) => ({ table, weight: weight(table) }))
    .sort((one, other) => (one.weight < other.weight ? -1 : 1))
    .map(({ table }) => table)
}

/** Resolves with where the row is; undefined when no table is handed out. Rejects with the error of the last attempt. */
export async function writeRow(
  client: Pick<StatusTableClient, 'insertPending'>,
  tables: readonly StorageResource[],
  row: PendingRow,
  clock: Clock,
): Promise<StatusPlace | undefined> {
  const [table] = tablesFor(row.sourceId, tables)
  if (table === undefined) return undefined
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.insertPending(table.url, row)
      return { tableUrl: table.url, key: row.sourceId }
    } catch (error) {
      if (attempt === writeAttempts) throw error
    }
    await new Promise<void>((resolve) => void clock.after(pauseMs * attempt, resolve))
  }
}

/** The row of a message, in whichever table it is: the tables may have been other ones when it was written. */
export async function readRow(
  client: Pick<StatusTableClient, 'read'>,
  tables: readonly StorageResource[],
  sourceId: string,
): Promise<StatusRow | undefined> {
  for (const { url } of tablesFor(sourceId, tables)) {
    const row = await client.read(url, sourceId)
    if (row !== undefined) return row
  }
  return undefined
}
