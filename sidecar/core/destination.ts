import type { RecordSettings } from './record-settings.ts'
import type { Settlement } from './settlement.ts'

/** Database, table and the ingestion properties that every record of a batch shares. */
export type Destination = {
  readonly database: string
  readonly table: string
  /** Name of a JSON mapping in Kusto; without one Kusto maps by column name. */
  readonly ingestionMappingRef?: string
  /** Ask Kusto to ingest the blob at once instead of aggregating it with others. */
  readonly flushImmediately: boolean
  readonly additionalTags: readonly string[]
  readonly dropByTags: readonly string[]
}

/** When an open batch is sealed: whichever limit is reached first. */
export type SealLimits = {
  readonly batchIntervalMs: number
  /** Records a batch. */
  readonly batchSize: number
  /** Uncompressed bytes a batch; the config key is `client_batch_size_limit_mb`. */
  readonly maxRawBytes: number
}

/**
 * What a 2xx means: `none` received in memory, `at_least_once` written to the journal, or, without a journal,
 * queued in Kusto, `exactly_once` synced to the disk together with the key of the request.
 */
type DeliveryGuarantee = 'none' | 'at_least_once' | 'exactly_once'

/** How records for a destination are batched and delivered: the keys of `write`, without database and table. */
export type WriteSettings = SealLimits &
  Omit<Destination, 'database' | 'table'> & {
    readonly deliveryGuarantee: DeliveryGuarantee
    readonly settlement: Settlement
  }

/** `checkpoint`: rows that the sidecar itself makes about batches. */
export type TargetPurpose = 'records' | 'checkpoint'

/** Where records go and how they are treated on the way there. */
export type Target = {
  /** Without one: records. */
  readonly purpose?: TargetPurpose
  readonly destination: Destination
  readonly limits: SealLimits
  readonly guarantee: DeliveryGuarantee
  readonly settlement: Settlement
  /** What is done to records on the way; batches do not depend on it. */
  readonly records: RecordSettings
}

/** Equal for two targets whose records may share a batch. */
export function targetKey(target: Target): string {
  const { destination: d, limits: l, settlement: s } = target
  return JSON.stringify([
    d.database,
    d.table,
    d.ingestionMappingRef ?? null,
    d.flushImmediately,
    d.additionalTags,
    d.dropByTags,
    l.batchIntervalMs,
    l.batchSize,
    l.maxRawBytes,
    target.guarantee,
    s.isPolled,
    s.pollIntervalMs,
    s.pollTimeoutMs,
    s.stagingTableSuffix ?? null,
    target.purpose ?? 'records',
  ])
}

/** The table into which the messages of a batch bring its rows. */
export function ingestedTable(batch: {
  readonly destination: Destination
  readonly settlement: Settlement
}): string {
  return batch.destination.table + (batch.settlement.stagingTableSuffix ?? '')
}

/** Whether the rows of a batch go through a staging table. */
export function isStaged({ settlement }: { readonly settlement: Settlement }): boolean {
  return settlement.stagingTableSuffix !== undefined
}

/** `database.table`, for logs and metric labels. */
export function destinationLabel(destination: Destination): string {
  return `${destination.database}.${destination.table}`
}
