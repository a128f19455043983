/**
 * A stand-in for Kusto's data management service and its storage, over real sockets: `.get ingestion resources`,
 * `.get kusto identity token`, Put Blob, Get Blob Properties, Put Message. Small, fast and rude on request. The embedded local
 * Kusto, which really ingests, is in `sidecar/local-kusto/`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { onCleanup } from '../helpers/cleanup.ts'

export type IngestionMessage = {
  readonly Id: string
  readonly BlobPath: string
  readonly RawDataSize: number
  readonly DatabaseName: string
  readonly TableName: string
  readonly FlushImmediately: boolean
  readonly AdditionalProperties: Readonly<Record<string, unknown>>
  readonly ReportLevel: number
  readonly ReportMethod: number
  readonly IngestionStatusInTable: Readonly<Record<string, string>> | null
}

export type Operation =
  | 'metadata'
  | 'resources'
  | 'token'
  | 'upload'
  | 'head'
  | 'enqueue'
  | 'delete'
  | 'status-row'
  | 'status'
  | 'extents'

/**
 * What to do instead of serving a request: answer with a status, drop the connection before doing it, do it and drop the connection before
 * answering (the reply is lost), or never answer.
 */
export type Rudeness = number | 'drop' | 'lose-reply' | 'hang' | undefined

export class StandInKusto {
  readonly blobs = new Map<string, Buffer>()
  readonly messages: { readonly queue: string; readonly message: IngestionMessage }[] = []
  readonly requests: {
    readonly operation: Operation
    readonly path: string
    readonly headers: IncomingMessage['headers']
  }[] = []
  /** Asked before each request. */
  rudeness: (operation: Operation, path: string) => Rudeness = () => undefined
  /** Only resources with this SAS are served; changing it is what rotation does. */
  signature = 'first'
  identityToken = 'identity-token'
  /** What it says when it is rude. */
  errorText = '{"error":{"code":"General_BadRequest","message":"rude","@message":"rude on request"}}'
  /** When the SAS says that it ends. */
  sasExpiry = '2099-01-01T00:00:00Z'
  containers = ['containers-a/one', 'containers-b/two']
  queues = ['queues-a/one', 'queues-b/two']
  statusTables = ['tables/status']
  /** By path of the table, then by row key. */
  readonly statusRows = new Map<string, Map<string, Record<string, unknown>>>()
  /** The tags of each extent that it shows, whatever was asked for. */
  extentTags: unknown[] = []
  /** The last command to the engine. */
  lastCommand: { db: string; csl: string } | undefined
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(t: TestContext): Promise<StandInKusto> {
    const kusto = new StandInKusto()
    await new Promise<void>((resolve) => kusto.#server.listen(0, '127.0.0.1', resolve))
    onCleanup(t, () => kusto.stop())
    return kusto
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  count(operation: Operation): number {
    return this.requests.filter((request) => request.operation === operation).length
  }

  /** The blob of each message, in the order of the messages. */
  ingested(): { message: IngestionMessage; raw: Buffer; lines: string[] }[] {
    return this.messages.map(({ message }) => {
      const blob = this.blobs.get(new URL(message.BlobPath).pathname)
      if (blob === undefined) throw new Error(`a message names a blob that was never uploaded: ${message.Id}`)
      const raw = gunzipSync(blob)
      const lines = raw.toString('utf8').split('\n')
      if (lines.pop() !== '') throw new Error('the last record of a blob has no newline')
      return { message, raw, lines }
    })
  }

  /** Every record that a message made known, oldest message first. */
  records(): string[] {
    return this.ingested().flatMap(({ lines }) => lines)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const body = await readAll(request).catch(() => undefined)
    if (body === undefined) return
    const operation = operationOf(request, url, body)
    this.requests.push({ operation, path: url.pathname, headers: request.headers })
    const rudeness = this.rudeness(operation, url.pathname)
    if (rudeness === 'hang') return
    if (rudeness === 'drop') return void request.socket.destroy()
    if (typeof rudeness === 'number') return answer(response, rudeness, this.errorText)
    const [status, text] = this.#perform(operation, url, request, body)
    if (rudeness === 'lose-reply') return void request.socket.destroy()
    answer(response, status, text)
  }

  #perform(operation: Operation, url: URL, request: IncomingMessage, body: Buffer): [number, string] {
    if (operation === 'metadata') return [404, '']
    if (operation === 'resources') return [200, table(['ResourceTypeName', 'StorageRoot'], this.#resources())]
    if (operation === 'token') return [200, table(['AuthorizationContext'], [[this.identityToken]])]
    if (operation === 'extents') {
      this.lastCommand = JSON.parse(body.toString('utf8')) as { db: string; csl: string }
      return [
        200,
        table(
          ['ExtentId', 'Tags'],
          this.extentTags.map((tags) => ['id', tags]),
        ),
      ]
    }
    if (url.searchParams.get('sig') !== this.signature)
      return [403, '<Error><Code>AuthenticationFailed</Code></Error>']
    switch (operation) {
      case 'upload':
        if (request.headers['if-none-match'] === '*' && this.blobs.has(url.pathname)) {
          return [409, '<Error><Code>BlobAlreadyExists</Code></Error>']
        }
        this.blobs.set(url.pathname, body)
        return [201, '']
      case 'head':
        return this.blobs.has(url.pathname)
          ? [200, 'x'.repeat(this.blobs.get(url.pathname)?.length ?? 0)]
          : [404, '']
      case 'delete':
        return this.blobs.delete(url.pathname) ? [202, ''] : [404, '<Error><Code>BlobNotFound</Code></Error>']
      case 'status-row': {
        const row = JSON.parse(body.toString('utf8')) as Record<string, unknown>
        const rows = this.statusRows.get(url.pathname) ?? new Map<string, Record<string, unknown>>()
        this.statusRows.set(url.pathname, rows)
        const key = String(row['RowKey'])
        if (rows.has(key)) return [409, '{"odata.error":{"code":"EntityAlreadyExists"}}']
        rows.set(key, row)
        return [204, '']
      }
      case 'status': {
        const [, path = '', key = ''] = /^(.*)\(PartitionKey='.*',RowKey='(.*)'\)$/.exec(url.pathname) ?? []
        const row = this.statusRows.get(path)?.get(key)
        return row === undefined ? [404, ''] : [200, JSON.stringify(row)]
      }
      case 'enqueue': {
        const encoded = /<MessageText>(.*)<\/MessageText>/.exec(body.toString('utf8'))?.[1] ?? ''
        const message = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as IngestionMessage
        this.messages.push({ queue: url.pathname.replace(/\/messages$/, ''), message })
        return [201, '']
      }
    }
  }

  #resources(): string[][] {
    const address = (path: string) =>
      `${this.url}/${path}?sv=2021-12-02&se=${encodeURIComponent(this.sasExpiry)}&sig=${this.signature}`
    return [
      ...this.containers.map((path) => ['TempStorage', address(path)]),
      ...this.queues.map((path) => ['SecuredReadyForAggregationQueue', address(path)]),
      ...this.statusTables.map((path) => ['IngestionsStatusTable', address(path)]),
    ]
  }
}

function operationOf(request: IncomingMessage, url: URL, body: Buffer): Operation {
  if (url.pathname === '/v1/rest/mgmt') {
    if (body.includes('.show table')) return 'extents'
    return body.includes('.get kusto identity token') ? 'token' : 'resources'
  }
  if (url.pathname === '/v1/rest/auth/metadata') return 'metadata'
  if (request.method === 'HEAD') return 'head'
  if (request.method === 'DELETE') return 'delete'
  if (request.method === 'GET') return 'status'
  if (request.method === 'PUT') return 'upload'
  return url.pathname.startsWith('/tables') ? 'status-row' : 'enqueue'
}

function table(columns: string[], rows: unknown[][]): string {
  const Columns = columns.map((name) => ({ ColumnName: name, DataType: 'String', ColumnType: 'string' }))
  return JSON.stringify({ Tables: [{ TableName: 'Table_0', Columns, Rows: rows }] })
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
