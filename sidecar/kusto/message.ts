/**
 * The ingestion message, made by `azure-kusto-ingest` so that its form is that of the official client.
 *
 * The SDK is used no further than that, because of these faults in its version 7.0.1, each with a test in
 * `test/unit/kusto/message.test.ts`: properties are made anew for every message, since `IngestionBlobInfo` writes tags into
 * the object it is given and a shared one would carry them into the next message (then Kusto skips data); source id and raw
 * size are given, since its stream upload loses both; its `sendQueueMessage`, which hides every error, is replaced.
 */
import assert from 'node:assert/strict'
import type * as Sdk from 'azure-kusto-ingest'
import type { SealedBatch } from '../core/ports.ts'
import { sourceIdOf } from './names.ts'

export interface MessageBuilder {
  /** The JSON text of the message. `blobUrl` carries its SAS. */
  build(batch: SealedBatch, blobUrl: string, identityToken: string): Promise<string>
}

export function createMessageBuilder(ingestionUrl: string): MessageBuilder {
  let loading: ReturnType<typeof load> | undefined
  return {
    async build(batch, blobUrl, identityToken) {
      loading ??= load(ingestionUrl).catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return JSON.stringify(await (await loading)(batch, blobUrl, identityToken))
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
  const built = new Map<string, unknown>()
  // `sendQueueMessage` is private in the SDK's types; a test tells when a new version no longer calls it.
  Object.assign(client as object, {
    resourceManager: { getAuthorizationContext: async () => currentToken },
    sendQueueMessage: async (_attempts: number, message: { Id: string }) => {
      built.set(message.Id, message)
    },
  })

  return async (batch: SealedBatch, blobUrl: string, identityToken: string): Promise<unknown> => {
    currentToken = identityToken
    const sourceId = sourceIdOf(batch.id)
    await client.ingestFromBlob(
      new sdk.BlobDescriptor(blobUrl, batch.rawBytes, sourceId),
      propertiesOf(sdk, batch),
    )
    const message = built.get(sourceId)
    built.delete(sourceId)
    assert(message !== undefined, 'azure-kusto-ingest no longer hands its message to sendQueueMessage')
    return message
  }
}

function propertiesOf(sdk: typeof Sdk, { destination: d }: SealedBatch) {
  const mapping =
    d.ingestionMappingRef === undefined
      ? {}
      : {
          ingestionMappingReference: d.ingestionMappingRef,
          ingestionMappingKind: sdk.IngestionMappingKind.JSON,
        }
  return new sdk.IngestionProperties({
    database: d.database,
    table: d.table,
    format: sdk.DataFormat.JSON,
    flushImmediately: d.flushImmediately,
    reportLevel: sdk.ReportLevel.FailuresOnly,
    reportMethod: sdk.ReportMethod.Queue,
    additionalTags: [...d.additionalTags],
    dropByTags: [...d.dropByTags],
    additionalProperties: {},
    ...mapping,
  })
}
