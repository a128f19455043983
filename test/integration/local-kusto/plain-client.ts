import { randomUUID } from 'node:crypto'
import type { LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'

/** A client of queued ingestion that is nothing but HTTP, so that a test says exactly what is sent. */
export type PlainClient = {
  /** Puts a blob into the first container; resolves with its URL and SAS. */
  upload(body: string | Buffer, name?: string): Promise<string>
  /** Posts a message; the fields given replace those of a plain `json` ingestion. */
  enqueue(blobUrl: string, fields?: MessageFields): Promise<string>
  /** The JSON of the messages that wait on the queue of this kind. */
  peek(resource: 'FailedIngestionsQueue' | 'SuccessfulIngestionsQueue'): Promise<Record<string, unknown>[]>
  /** The URL and SAS of the first resource of a kind. */
  resource(type: string): URL
}

export type MessageFields = Readonly<Record<string, unknown>> & {
  readonly properties?: Readonly<Record<string, unknown>>
}

const versionHeader = { 'x-ms-version': '2021-12-02' }

export function aPlainClient(kusto: LocalKusto, database: string, table: string): PlainClient {
  const resource = (type: string): URL => {
    const row = kusto
      .query(database, '.get ingestion resources')
      .find(({ ResourceTypeName }) => ResourceTypeName === type)
    return new URL(String(row?.['StorageRoot']))
  }
  const token = kusto.query(database, '.get kusto identity token')[0]?.['AuthorizationContext']
  return {
    resource,
    upload: async (body, name = randomUUID()) => {
      const url = resource('TempStorage')
      url.pathname += `/${name}`
      const headers = { ...versionHeader, 'x-ms-blob-type': 'BlockBlob' }
      const response = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(Buffer.from(body)) })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`The upload was answered ${response.status}.`)
      return url.href
    },
    enqueue: async (blobUrl, { properties, ...fields } = {}) => {
      const sourceId = randomUUID()
      const message = {
        Id: sourceId,
        BlobPath: blobUrl,
        DatabaseName: database,
        TableName: table,
        RetainBlobOnSuccess: true,
        ReportLevel: 0,
        ReportMethod: 0,
        AdditionalProperties: { authorizationContext: token, format: 'json', ...properties },
        ...fields,
      }
      const url = resource('SecuredReadyForAggregationQueue')
      url.pathname += '/messages'
      const text = Buffer.from(JSON.stringify(message)).toString('base64')
      const body = `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`
      const response = await fetch(url, { method: 'POST', headers: versionHeader, body })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`The message was answered ${response.status}.`)
      return sourceId
    },
    peek: async (type) => {
      const url = resource(type)
      url.pathname += '/messages'
      url.searchParams.set('peekonly', 'true')
      url.searchParams.set('numofmessages', '32')
      const xml = await (await fetch(url, { headers: versionHeader })).text()
      return [...xml.matchAll(/<MessageText>([^<]*)</g)].map(
        ([, text]) =>
          JSON.parse(Buffer.from(text ?? '', 'base64').toString('utf8')) as Record<string, unknown>,
      )
    },
  }
}
