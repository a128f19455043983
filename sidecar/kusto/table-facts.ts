/** What the answers to `.show table` commands say, as far as a staging table is concerned. Pure. */
import { SidecarError } from '../core/errors.ts'
import type { Row } from './management.ts'

export type Column = { readonly name: string; readonly type: string }

/** Of `.show table T schema as json`; undefined when there is no such table. */
export function columnsOf(rows: readonly Row[] | undefined): Column[] | undefined {
  if (rows === undefined) return undefined
  const schema = parsed(rows[0]?.['Schema']) as { OrderedColumns?: unknown } | undefined
  const columns = schema?.OrderedColumns
  if (!Array.isArray(columns)) throw unreadable('schema of a table')
  return columns.map((column: { Name?: unknown; CslType?: unknown } | null) => {
    const { Name: name, CslType: type } = column ?? {}
    if (typeof name !== 'string' || typeof type !== 'string' || !/^[a-z]+$/.test(type))
      throw unreadable('schema of a table')
    return { name, type }
  })
}

/** Of `.show table T policy P`; undefined when the table has no such policy of its own. */
export function policyOf(rows: readonly Row[] | undefined): Readonly<Record<string, unknown>> | undefined {
  const policy = parsed(rows?.[0]?.['Policy'])
  return typeof policy === 'object' && policy !== null ? (policy as Record<string, unknown>) : undefined
}

export function isMergingOff(policy: Readonly<Record<string, unknown>> | undefined): boolean {
  return policy?.['AllowRebuild'] === false && policy['AllowMerge'] === false
}

/** Of `.show table T ingestion json mappings`: the text of the mapping with this name. */
export function mappingOf(rows: readonly Row[] | undefined, name: string): string | undefined {
  const mapping = rows?.find((row) => row['Name'] === name)?.['Mapping']
  return typeof mapping === 'string' ? mapping : undefined
}

/** JSON text; some clients of Kusto see it parsed already. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

function unreadable(what: string): SidecarError {
  return new SidecarError('KUSTO_UNCLASSIFIED', `Kusto showed a ${what} that cannot be read.`)
}
