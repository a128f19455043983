/** Policies of tables. They are kept and shown; only that of merging has a meaning here, and only for `LocalKusto.mergeExtents`. */
import { KustoError, unsupported } from '../kusto-error.ts'
import { isJson } from '../engine/json-text.ts'
import type { Table } from '../engine/catalog.ts'
import type { Result } from '../engine/values.ts'
import { stringColumns } from './data-management.ts'
import type { Command } from './context.ts'
import type { CommandReader } from './reader.ts'

const policyNames = { merge: 'ExtentsMergePolicy', retention: 'RetentionPolicy' } as const
type PolicyKind = keyof typeof policyNames

/** `.alter table T policy merge '{...}'`, `.alter-merge` of it, and `.alter-merge table T policy retention softdelete = 7d ...`. */
export const alterPolicy: Command = (reader, { store, database }) => {
  const isMerge = reader.take('.', 'alter-merge', 'table')
  if (!isMerge && !reader.take('.', 'alter', 'table')) return undefined
  const name = reader.name('a table name')
  if (!reader.take('policy')) return undefined
  const table = store.catalog.get(database, name)
  const kind = kindOf(reader)
  const given =
    kind === 'retention' && isMerge ? retentionOf(reader) : objectOf(reader.strings('a policy in quotes'))
  reader.end()
  const before = isMerge ? objectOf(store.catalog.policy(table, kind) ?? '{}') : {}
  store.catalog.setPolicy(table, kind, JSON.stringify({ ...before, ...given }))
  return showPolicy(table, kind, store.catalog.policy(table, kind))
}

export function showPolicy(table: Table, kind: PolicyKind, text: string | undefined): Result {
  return {
    columns: stringColumns('PolicyName', 'EntityName', 'Policy', 'ChildEntities', 'EntityType'),
    rows: [[policyNames[kind], `[${table.database}].[${table.name}]`, text ?? 'null', '', 'Table']],
  }
}

export function kindOf(reader: CommandReader): PolicyKind {
  for (const kind of ['merge', 'retention'] as const) if (reader.take(kind)) return kind
  throw unsupported('that policy')
}

function retentionOf(reader: CommandReader): Record<string, unknown> {
  reader.expect('softdelete', '=')
  const days = /^(\d+)d$/.exec(reader.name('a number of days such as 7d'))?.[1]
  if (days === undefined) throw unsupported('another retention than one in days')
  const policy = { SoftDeletePeriod: `${days}.00:00:00` }
  if (!reader.take('recoverability', '=')) return policy
  return {
    ...policy,
    Recoverability: reader.name('enabled or disabled') === 'disabled' ? 'Disabled' : 'Enabled',
  }
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = isJson(text) ? JSON.parse(text) : undefined
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new KustoError('BadRequest_InvalidPolicy', 'The policy is not a JSON object.')
}
