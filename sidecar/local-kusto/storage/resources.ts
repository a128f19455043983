/** The containers, queues and table that Data Management hands out, made in Azurite. */
import { BlobServiceClient, StorageSharedKeyCredential as BlobCredential } from '@azure/storage-blob'
import {
  QueueServiceClient,
  StorageSharedKeyCredential as QueueCredential,
  type QueueClient,
} from '@azure/storage-queue'
import { storageAccount, type Azurite, type StorageService } from './azurite.ts'
import { signSas } from './sas.ts'

const containerNames = ['ingestdata0', 'ingestdata1', 'ingestdata2']
export const aggregationQueuePrefix = 'readyforaggregation'
const aggregationQueueNames = [0, 1, 2].map((number) => `${aggregationQueuePrefix}${number}`)
const failedQueueName = 'failedingestions'
const successfulQueueName = 'successfulingestions'
const statusTableName = 'ingestionsstatus'

/** One row of `.get ingestion resources`. */
export type ResourceRow = { readonly type: string; readonly url: string }

export type StorageResources = {
  readonly aggregationQueues: readonly QueueClient[]
  readonly failedQueue: QueueClient
  readonly successfulQueue: QueueClient
  /** The answer to `.get ingestion resources`, with fresh SAS. */
  list(sas: 'valid' | 'expired'): ResourceRow[]
  /** Removes a blob of the containers that are handed out; others, and failures, are left alone. */
  deleteBlob(url: string): Promise<void>
}

export async function createStorageResources(azurite: Azurite): Promise<StorageResources> {
  const blobs = new BlobServiceClient(
    azurite.urls.blob,
    new BlobCredential(storageAccount.name, storageAccount.key),
  )
  const queues = new QueueServiceClient(
    azurite.urls.queue,
    new QueueCredential(storageAccount.name, storageAccount.key),
  )
  const queueNames = [...aggregationQueueNames, failedQueueName, successfulQueueName]
  await Promise.all([
    ...containerNames.map((name) => blobs.getContainerClient(name).createIfNotExists()),
    ...queueNames.map((name) => queues.getQueueClient(name).createIfNotExists()),
    createTable(azurite.urls.table),
  ])
  return {
    aggregationQueues: aggregationQueueNames.map((name) => queues.getQueueClient(name)),
    failedQueue: queues.getQueueClient(failedQueueName),
    successfulQueue: queues.getQueueClient(successfulQueueName),
    deleteBlob: async (url) => {
      const prefix = `${azurite.urls.blob}/`
      const [container, ...name] = (url.startsWith(prefix) ? new URL(url).pathname : '').split('/').slice(2)
      if (container === undefined || !containerNames.includes(container)) return
      await blobs
        .getContainerClient(container)
        .deleteBlob(decodeURIComponent(name.join('/')))
        .catch(() => undefined)
    },
    list: (sas) => {
      const rows = (type: string, service: StorageService, names: readonly string[]): ResourceRow[] =>
        names.map((name) => ({ type, url: `${azurite.urls[service]}/${name}?${signSas(service, sas)}` }))
      return [
        ...rows('SecuredReadyForAggregationQueue', 'queue', aggregationQueueNames),
        ...rows('TempStorage', 'blob', containerNames),
        ...rows('FailedIngestionsQueue', 'queue', [failedQueueName]),
        ...rows('SuccessfulIngestionsQueue', 'queue', [successfulQueueName]),
        ...rows('IngestionsStatusTable', 'table', [statusTableName]),
      ]
    },
  }
}

async function createTable(tableServiceUrl: string): Promise<void> {
  const response = await fetch(`${tableServiceUrl}/Tables?${signSas('table', 'valid')}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json;odata=nometadata' },
    body: JSON.stringify({ TableName: statusTableName }),
  })
  await response.body?.cancel()
  const alreadyThere = 409
  if (!response.ok && response.status !== alreadyThere)
    throw new Error(`Azurite refused the status table with ${response.status}.`)
}
