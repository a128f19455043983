/** The commands of the Data Management endpoint, which the real service has at `https://ingest-...`. */
import { ticksFromUnixMs } from '../engine/ticks.ts'
import type { Column, Result } from '../engine/values.ts'
import type { Command } from './context.ts'

export function stringColumns(...names: string[]): Column[] {
  return names.map((name) => ({ name, type: 'string' }))
}

export const getIngestionResources: Command = (reader, { resources }) => {
  if (!reader.take('.', 'get', 'ingestion', 'resources')) return undefined
  reader.skipWith()
  reader.end()
  return {
    columns: stringColumns('ResourceTypeName', 'StorageRoot'),
    rows: resources().map(({ type, url }) => [type, url]),
  }
}

export const getIdentityToken: Command = (reader, { identityToken }) => {
  if (!reader.take('.', 'get', 'kusto', 'identity', 'token')) return undefined
  reader.end()
  return { columns: stringColumns('AuthorizationContext'), rows: [[identityToken]] }
}

const buildVersion = '1.0.0.0'

export const showVersion: Command = (reader): Result | undefined => {
  if (!reader.take('.', 'show', 'version')) return undefined
  reader.end()
  return {
    columns: [
      ...stringColumns('BuildVersion'),
      { name: 'BuildTime', type: 'datetime' },
      ...stringColumns('ServiceType', 'ProductVersion', 'ServiceOffering'),
    ],
    rows: [
      [buildVersion, ticksFromUnixMs(0), 'Engine', `Local Kusto ${buildVersion}`, '{"Type":"LocalKusto"}'],
    ],
  }
}

export const showIngestionFailures: Command = (reader, { failures }) => {
  if (!reader.take('.', 'show', 'ingestion', 'failures')) return undefined
  reader.end()
  return {
    columns: [
      ...stringColumns('OperationId', 'Database', 'Table'),
      { name: 'FailedOn', type: 'datetime' },
      ...stringColumns('IngestionSourcePath', 'Details', 'FailureKind', 'ErrorCode', 'IngestionSourceId'),
    ],
    rows: failures.map((failure) => [
      failure.sourceId,
      failure.database,
      failure.table,
      failure.failedOnTicks,
      failure.sourcePath,
      failure.details,
      failure.failureStatus,
      failure.errorCode,
      failure.sourceId,
    ]),
  }
}
