/**
 * A Kusto that costs as little as possible, in a process of its own: storage that takes blobs, queues that take messages, and a status
 * table that says of each message at once that it was ingested. With `--keep DIRECTORY` blobs are written there, to be looked into
 * afterwards.
 *
 * Tells its parent the port once it listens, its counts whenever it is asked, and of each blob that arrived if `--tell` was given.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { type ArrivedBlob, NullBlobs } from './null-blobs.ts'

export type NullKustoCounts = {
  readonly blobs: number
  readonly blobBytes: number
  readonly messages: number
  readonly rows: number
}

/** From the parent: be away or back, or only tell the counts. */
export type NullKustoOrder = { readonly isAway?: boolean }

/** To the parent. */
export type NullKustoNews =
  { readonly port: number } | { readonly counts: NullKustoCounts } | { readonly arrived: ArrivedBlob }

const { values } = parseArgs({
  options: { keep: { type: 'string' }, tell: { type: 'boolean', default: false } },
})
const tell = (news: NullKustoNews) => process.send?.(news)
const blobs = new NullBlobs(values.keep, (arrived) => values.tell && tell({ arrived }))
let messages = 0
let rows = 0
let isAway = false

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error)
    response.destroy()
  })
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }))
process.on('message', (order: NullKustoOrder) => {
  isAway = order.isAway ?? isAway
  tell({ counts: { blobs: blobs.blobs, blobBytes: blobs.bytes, messages, rows } })
})
process.on('disconnect', () => process.exit(0))

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request
  const path = url.split('?', 1)[0] as string
  if (isAway) {
    request.resume()
    response.writeHead(503).end()
    return
  }
  if (path.startsWith('/blobs')) return blobs.answer(request, response, path)
  if (path.startsWith('/v1/rest/') || path.startsWith('/v2/rest/')) {
    const { csl } = JSON.parse(await textOf(request)) as { csl: string }
    return answerJson(response, tables(csl))
  }
  if (path.startsWith('/queue')) {
    await textOf(request)
    messages += 1
    response.writeHead(201).end()
    return
  }
  if (path.startsWith('/status') && method === 'POST') {
    await textOf(request)
    rows += 1
    response.writeHead(204).end()
    return
  }
  if (path.startsWith('/status')) return answerJson(response, { Status: 'Succeeded' })
  request.resume()
  response.writeHead(404).end()
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function answerJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** Answers of version 1 to the few commands of ingestion; extents there are none. */
function tables(command: string): unknown {
  const { port } = server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  const table = (names: string[], rows: unknown[][]) => ({
    Tables: [
      {
        TableName: 'Table_0',
        Columns: names.map((name) => ({ ColumnName: name, DataType: 'String', ColumnType: 'string' })),
        Rows: rows,
      },
    ],
  })
  if (command.includes('identity token')) return table(['AuthorizationContext'], [['token']])
  if (!command.includes('ingestion resources')) return table(['Empty'], [])
  return table(
    ['ResourceTypeName', 'StorageRoot'],
    [
      ['TempStorage', `${base}/blobs?sig=x`],
      ['SecuredReadyForAggregationQueue', `${base}/queue?sig=x`],
      ['IngestionsStatusTable', `${base}/status?sig=x`],
      ['FailedIngestionsQueue', `${base}/queue-failed?sig=x`],
      ['SuccessfulIngestionsQueue', `${base}/queue-done?sig=x`],
    ],
  )
}
