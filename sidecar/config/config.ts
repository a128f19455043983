import assert from 'node:assert/strict'
import type { WriteSettings } from '../core/destination.ts'
import type { KustoAuth } from '../core/kusto-auth.ts'
import { bytesPerMb } from '../core/limits.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import type { Settlement } from '../core/settlement.ts'
import { ingestionUrlOf, parseKustoUrl } from './kusto-url.ts'
import { type RouteConfig, toRecords, toRoute } from './route-config.ts'
import type { ConfigFile } from './schema.ts'
import { type ServerConfig, toServer } from './server-config.ts'

/** A valid configuration as the program uses it: every default filled in, sizes in bytes, times in milliseconds. */
export type Config = {
  readonly server: ServerConfig
  readonly kusto: {
    /** Without a slash at the end. */
    readonly clusterUrl: string
    /** Without a slash at the end. */
    readonly ingestionUrl: string
    readonly auth: KustoAuth
  }
  /** Where records posted to `/` go: `kusto.database` and `kusto.table`. */
  readonly defaultDestination: { readonly database: string; readonly table: string } | undefined
  readonly write: WriteSettings
  /** The table that gets a row for each settled batch; undefined when nobody asked for it. */
  readonly checkpoint: { readonly database: string; readonly table: string } | undefined
  readonly retry: {
    readonly maxAttempts: number
    readonly baseIntervalMs: number
    readonly maxIntervalMs: number
    readonly cacheExpirationMs: number
  }
  readonly journal: {
    readonly enabled: boolean
    readonly directory: string
    readonly maxDiskBytes: number
    readonly syncIntervalMs: number
    readonly compression: ConfigFile['journal']['compression']
    readonly dedup: ConfigFile['journal']['dedup']
    readonly dedupWindowMs: number
    readonly dedupMaxKeys: number
    readonly dedupForgetWhenRead: ConfigFile['journal']['dedup_forget_when_read']
  }
  /** Whether requests are remembered: `journal.dedup`, of which `auto` is on when anything is delivered exactly once. */
  readonly isDedupOn: boolean
  readonly deadLetter: {
    readonly directory: string
    readonly maxDiskBytes: number
    readonly whenFull: ConfigFile['dead_letter']['when_full']
  }
  /** In the order of the file: the first one that fits takes a record. */
  readonly routes: readonly RouteConfig[]
  /** For `/ingest/{database}/{table}`: exact names and patterns with `*`. */
  readonly pathDestinations: {
    readonly allowedDatabases: readonly string[]
    readonly allowedTables: readonly string[]
  }
  readonly records: RecordSettings & { readonly tagHeader: string }
  readonly unrouted: ConfigFile['unrouted']
  readonly log: Readonly<ConfigFile['log']>
}

const bytesPerMebibyte = 1_048_576

/** Turns a file that the schema accepted into the form that the program uses. */
export function toConfig(file: ConfigFile): Config {
  return {
    server: toServer(file.server),
    kusto: toKusto(file.kusto),
    defaultDestination: toDefaultDestination(file.kusto),
    write: toWrite(file.write),
    checkpoint: toCheckpoint(file),
    retry: {
      maxAttempts: file.retry.max_attempts,
      baseIntervalMs: file.retry.base_interval_ms,
      maxIntervalMs: file.retry.max_interval_ms,
      cacheExpirationMs: file.retry.cache_expiration_seconds * 1_000,
    },
    journal: {
      enabled: file.journal.enabled,
      directory: file.journal.directory,
      maxDiskBytes: file.journal.max_disk_mb * bytesPerMebibyte,
      syncIntervalMs: file.journal.sync_interval_ms,
      compression: file.journal.compression,
      dedup: file.journal.dedup,
      dedupWindowMs: file.journal.dedup_window_seconds * 1_000,
      dedupMaxKeys: file.journal.dedup_max_keys,
      dedupForgetWhenRead: file.journal.dedup_forget_when_read,
    },
    isDedupOn: isDedupOn(file),
    deadLetter: {
      directory: file.dead_letter.directory,
      maxDiskBytes: file.dead_letter.max_disk_mb * bytesPerMebibyte,
      whenFull: file.dead_letter.when_full,
    },
    routes: file.routes.map((route) => toRoute(route, toWrite({ ...file.write, ...route }), file.records)),
    pathDestinations: {
      allowedDatabases: file.path_destinations.allowed_databases,
      allowedTables: file.path_destinations.allowed_tables,
    },
    records: { ...toRecords(file.records), tagHeader: file.records.tag_header },
    unrouted: file.unrouted,
    log: file.log,
  }
}

function isDedupOn({ journal, write, routes }: ConfigFile): boolean {
  if (journal.dedup !== 'auto') return journal.dedup !== 'off'
  return [write, ...routes].some((settings) => settings.delivery_guarantee === 'exactly_once')
}

function toWrite(write: ConfigFile['write']): WriteSettings {
  const mapping = write.ingestion_mapping_ref
  return {
    batchIntervalMs: write.batch_interval_ms,
    batchSize: write.batch_size,
    maxRawBytes: write.client_batch_size_limit_mb * bytesPerMb,
    flushImmediately: write.flush_immediately,
    deliveryGuarantee: write.delivery_guarantee,
    settlement: toSettlement(write),
    additionalTags: write.additional_tags,
    dropByTags: write.drop_by_tags,
    ...(mapping === undefined ? {} : { ingestionMappingRef: mapping }),
  }
}

function toSettlement(write: ConfigFile['write']): Settlement {
  const isExactlyOnce = write.delivery_guarantee === 'exactly_once'
  return {
    isExactlyOnce,
    isPolled: isExactlyOnce || write.poll_for_ingestion_status,
    pollIntervalMs: write.poll_interval_ms,
    pollTimeoutMs: write.poll_timeout_ms,
    ...(write.commit === 'staging' ? { stagingTableSuffix: write.staging_table_suffix } : {}),
  }
}

function toKusto(kusto: ConfigFile['kusto']): Config['kusto'] {
  const cluster = parseKustoUrl(kusto.cluster_url)
  assert(cluster !== undefined)
  const ingestion =
    kusto.ingestion_url === undefined ? ingestionUrlOf(cluster) : parseKustoUrl(kusto.ingestion_url)
  assert(ingestion !== undefined)
  return {
    clusterUrl: cluster.origin,
    ingestionUrl: ingestion.origin,
    auth: toAuth(kusto.auth),
  }
}

function toDefaultDestination({ database, table }: ConfigFile['kusto']): Config['defaultDestination'] {
  return database === undefined || table === undefined ? undefined : { database, table }
}

function toCheckpoint({ write, kusto }: ConfigFile): Config['checkpoint'] {
  const { checkpoint_table: table, checkpoint_database: database = kusto.database } = write
  return database === undefined || table === undefined ? undefined : { database, table }
}

function toAuth(auth: ConfigFile['kusto']['auth']): KustoAuth {
  const {
    type,
    tenant_id: tenantId,
    client_id: clientId,
    client_secret: clientSecret,
    token_file: tokenFile,
  } = auth
  const tenant = tenantId === undefined ? {} : { tenantId }
  const client = clientId === undefined ? {} : { clientId }
  switch (type) {
    case 'client_secret':
      assert(tenantId !== undefined)
      assert(clientId !== undefined)
      assert(clientSecret !== undefined)
      return { type, tenantId, clientId, clientSecret }
    case 'workload_identity':
      return { type, ...tenant, ...client, ...(tokenFile === undefined ? {} : { tokenFile }) }
    case 'default':
      return { type, ...tenant, ...client }
    case 'managed_identity':
      return { type, ...client }
    case 'azure_cli':
      return { type, ...tenant }
    case 'none':
      return { type }
  }
}
