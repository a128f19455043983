import type { DeadLetter, LetterOrigin } from '../core/ports.ts'
import type { RecordBlock } from '../core/record-block.ts'
import { isOtlpPath } from '../core/request-head.ts'
import { type LetterLine, originOf, recordBytesOf } from './letter-line.ts'
import type { TableName } from './replay-filter.ts'

/** What has to be known of a letter to take it in again. */
export type ReplayedLetter = Pick<DeadLetter, 'destination' | 'origin' | 'bytes'>

/** Undefined when neither the letter nor `to` tells where it goes, or when it is no line of a batch although it says so. */
export function replayedLetter(line: LetterLine, to: TableName | undefined): ReplayedLetter | undefined {
  const origin = to === undefined ? originOf(line) : redirected(originOf(line), to)
  if (origin === undefined) return undefined
  const bytes = recordBytesOf(line)
  if (origin.kind === 'batch' && bytes.includes('\n')) return undefined
  return { destination: line.destination, origin, bytes }
}

/** The record of a letter from a batch as a block: it was one line of that batch. */
export function blockOfLetter({ bytes }: ReplayedLetter): RecordBlock {
  return { bytes: Buffer.concat([bytes, newline]), ends: Uint32Array.of(bytes.length + 1) }
}

const newline = Buffer.from('\n')

function redirected(origin: LetterOrigin | undefined, { database, table }: TableName): LetterOrigin {
  if (origin?.kind === 'batch') {
    const { ingestionMappingRef, ...rest } = origin.destination
    // A mapping belongs to its table: Kusto refuses a batch that names one which the other table does not have.
    const isSame = rest.database === database && rest.table === table
    const mapping = isSame && ingestionMappingRef !== undefined ? { ingestionMappingRef } : {}
    return { kind: 'batch', destination: { ...rest, ...mapping, database, table } }
  }
  const path = `/ingest/${encodeURIComponent(database)}/${encodeURIComponent(table)}`
  const head = origin?.head ?? { path }
  // The end of the path is what says that a body is OTLP.
  const newPath = isOtlpPath(head.path) ? `${path}/v1/logs` : path
  return { kind: 'request', head: { ...head, path: newPath, to: { database, table } } }
}
