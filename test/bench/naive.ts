/**
 * The textbook program that a sidecar has to be compared with: express, every line parsed and written anew, an fsync for each request, and
 * batches of 30 MB deflated at level 6. It takes the configuration file of the sidecar and has of its pages what a measurement needs.
 */
import express, { type Request, type Response } from 'express'
import { open, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { parse } from 'yaml'

const batchBytes = 30e6
const compress = promisify(gzip)
const configFile = process.argv[process.argv.indexOf('--config') + 1] as string
const config = parse(await readFile(configFile, 'utf8')) as { kusto: { cluster_url: string } }
const journal = await open(join(configFile, '..', 'naive.ndjson'), 'a')

let lines: string[] = []
let bytes = 0
let settled = 0
let uploads = 0
let uploading: Promise<void> = Promise.resolve()

const app = express()
app.use(express.json({ limit: '32mb', type: 'application/json' }))
app.use(express.text({ limit: '32mb', type: 'application/x-ndjson' }))
app.post('/ingest/:database/:table', (request, response, next) => {
  take(request).then(() => response.sendStatus(200), next)
})
app.post('/-/flush', (_request, response: Response, next) => {
  flush()
  uploading.then(() => response.sendStatus(200), next)
})
app.get('/metrics', (_request, response) => {
  response.type('text').send(`sidecar_delivery_settled_records_total ${settled}\n`)
})
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ event: 'sidecar.started', port, adminPort: port }))
})

async function take(request: Request): Promise<void> {
  const records =
    typeof request.body === 'string'
      ? request.body
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as unknown)
      : (request.body as unknown[])
  const taken = records.map((record) => JSON.stringify(record))
  const text = `${taken.join('\n')}\n`
  await journal.write(text)
  await journal.sync()
  for (const line of taken) lines.push(line)
  bytes += text.length
  if (bytes >= batchBytes) flush()
}

/** One after the other; what came meanwhile waits in memory. */
function flush(): void {
  const batch = lines
  if (batch.length === 0) return
  lines = []
  bytes = 0
  uploading = uploading.then(() => upload(batch))
}

async function upload(batch: readonly string[]): Promise<void> {
  const body = await compress(`${batch.join('\n')}\n`, { level: 6 })
  uploads += 1
  const url = `${config.kusto.cluster_url}/blobs/naive-${uploads}.json.gz`
  const answer = await fetch(url, { method: 'PUT', body, headers: { 'x-ms-blob-type': 'BlockBlob' } })
  if (answer.status !== 201) throw new Error(`storage answered ${answer.status}`)
  settled += batch.length
  await journal.truncate(0)
}
