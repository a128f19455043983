/**
 * The ingestion message, made by `azure-kusto-ingest` so that its form is that of the official client.
 *
 * The SDK is used no further than that, because of these faults in its version 7.0.1, each with a test in
 * `test/unit/kusto/message.test.ts`: properties are made anew for every message, since `IngestionBlobInfo` writes tags into
 * the object it is given and a shared one would carry them into the next message (then Kusto skips data); source id and raw
 * size are given, since its stream upload loses both; its `sendQueueMessage`, which hides every error, is replaced; its reports to
 * the status table (decision 0013) are never switched on, so that the fields for them are put into the finished message.
 */
import assert from 'node:assert/strict'
import type * as Sdk from 'azure-kusto-ingest'
import { ingestedTable } from '../core/destination.ts'
import type { BatchId, SealedBatch } from '../core/ports.ts'
import type { StatusPlace } from './status-rows.ts'

export type MessageParts = {
  readonly sourceId: string
  /** With its SAS. */
  readonly blobUrl: string
  readonly identityToken: string
  /** Where Kusto is to write how the ingestion ended; without it Kusto is not asked to. */
  readonly statusPlace?: StatusPlace | undefined
}

export interface MessageBuilder {
  /** The JSON text of the message. */
  build(batch: SealedBatch, parts: MessageParts): Promise<string>
}

export function createMessageBuilder(ingestionUrl: string): MessageBuilder {
  let loading: ReturnType<typeof load> | undefined
  return {
    async build(batch, parts) {
      loading ??= load(ingestionUrl).catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return JSON.stringify(await (await loading)(batch, parts))
    },
  }
}

async function load(ingestionUrl: string) {
  const sdk = await import('azure-kusto-ingest')
  const { KustoConnectionStringBuilder } = await import('azure-kusto-data')
  const connection = new KustoConnectionStringBuilder(ingestionUrl)
  connection.applicationNameForTracing = 'kusto-sidecar'
  const client = new sdk.IngestClient(connection, undefined, false)

  let currentToken = ''
  const built = new Map<string, object>()
  // `sendQueueMessage` is private in the SDK's types; a test tells when a new version no longer calls it.
  Object.assign(client as object, {
    resourceManager: { getAuthorizationContext: async () => currentToken },
    sendQueueMessage: async (_attempts: number, message: { Id: string }) => {
      built.set(message.Id, message)
    },
  })

  return async (batch: SealedBatch, parts: MessageParts): Promise<object> => {
    const { blobUrl, sourceId, statusPlace } = parts
    currentToken = parts.identityToken
    await client.ingestFromBlob(
      new sdk.BlobDescriptor(blobUrl, batch.rawBytes, sourceId),
      propertiesOf(sdk, batch),
    )
    const message = built.get(sourceId)
    built.delete(sourceId)
    assert(message !== undefined, 'azure-kusto-ingest no longer hands its message to sendQueueMessage')
    return statusPlace === undefined ? message : { ...message, ...reportingTo(sdk, statusPlace) }
  }
}

/** The fields of the message that ask for a report of success and failure in the row at `place`. */
function reportingTo(sdk: typeof Sdk, { tableUrl, key }: StatusPlace) {
  return {
    ReportLevel: sdk.ReportLevel.FailuresAndSuccesses,
    ReportMethod: sdk.ReportMethod.Table,
    // With these names in the service; the SDK writes them with small first letters, which its own readers accept.
    IngestionStatusInTable: { TableConnectionString: tableUrl, PartitionKey: key, RowKey: key },
  }
}

function propertiesOf(sdk: typeof Sdk, batch: SealedBatch) {
  const { destination: d, settlement, id } = batch
  const mapping =
    d.ingestionMappingRef === undefined
      ? {}
      : {
          ingestionMappingReference: d.ingestionMappingRef,
          ingestionMappingKind: sdk.IngestionMappingKind.JSON,
        }
  return new sdk.IngestionProperties({
    database: d.database,
    table: ingestedTable(batch),
    format: sdk.DataFormat.JSON,
    flushImmediately: d.flushImmediately,
    reportLevel: sdk.ReportLevel.FailuresOnly,
    reportMethod: sdk.ReportMethod.Queue,
    additionalTags: [...d.additionalTags],
    dropByTags: [...d.dropByTags],
    additionalProperties: {},
    ...(settlement.isExactlyOnce ? ingestedOnce(id) : {}),
    ...mapping,
  })
}

/** The rows are marked with the id of their batch, and not ingested when others are so marked. Kusto wants the values as JSON text. */
function ingestedOnce(id: BatchId) {
  return { ingestByTags: [id], ingestIfNotExists: JSON.stringify([id]) }
}
