/** The extents of one batch in one table, and the commands that move and drop exactly these. */
import type { SealedBatch } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { carriesTag, tagOf, tagsOf } from './extents.ts'
import { quotedName } from './kusto-text.ts'
import type { Row } from './management.ts'

export type BatchExtent = {
  readonly id: string
  readonly rowCount: number
  /** It has rows of other batches too. */
  readonly isMerged: boolean
}

/** Of what `.show table ... extents` answered: what carries exactly the tag of the batch. */
export function extentsOf(batch: SealedBatch, rows: readonly Row[]): BatchExtent[] {
  const tag = tagOf(batch.id)
  const own = new Set([tag, ...batch.destination.additionalTags])
  return rows.flatMap((row) => {
    const { ExtentId: id, RowCount: rowCount, Tags: tags } = row
    if (!('Tags' in row)) throw unreadable('their tags')
    if (!carriesTag(tags, tag)) return []
    if (typeof id !== 'string' || !isGuid(id)) throw unreadable('ids that can be read')
    if (typeof rowCount !== 'number' || !Number.isSafeInteger(rowCount))
      throw unreadable('their number of rows')
    const isMerged = tagsOf(tags).some((one) => one.startsWith('ingest-by:') && !own.has(one))
    return [{ id, rowCount, isMerged }]
  })
}

/**
 * By their ids, and not by a query: a second execution of the same command finds none of them in the source any more and fails as a whole, and what
 * came after they were counted stays behind. Records get the time of the move as their ingestion time, since materialized views and continuous
 * exports on the target would else not see them.
 */
export function moveCommand(from: string, to: string, extents: readonly BatchExtent[]): string {
  return `.move extents from table ${quotedName(from)} to table ${quotedName(to)} with (setNewIngestionTime=true) (${idsOf(extents)})`
}

export function dropCommand(table: string, extents: readonly BatchExtent[]): string {
  return `.drop extents (${idsOf(extents)}) from ${quotedName(table)}`
}

/** Whether the answer to a move says of each extent that it was moved. */
export function isMoved(extents: readonly BatchExtent[], rows: readonly Row[]): boolean {
  const moved = new Set<string>()
  for (const { OriginalExtentId: from, ResultExtentId: to } of rows)
    if (typeof from === 'string' && typeof to === 'string' && isGuid(to)) moved.add(from.toLowerCase())
  return extents.every(({ id }) => moved.has(id.toLowerCase()))
}

function idsOf(extents: readonly BatchExtent[]): string {
  return extents.map(({ id }) => id).join(', ')
}

function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

function unreadable(what: string): SidecarError {
  return new SidecarError('KUSTO_UNCLASSIFIED', `Kusto showed extents without ${what}.`)
}
