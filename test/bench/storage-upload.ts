/**
 * Why blobs are put by Storage's REST API through undici: CPU and memory against the Azure Storage client, same bytes, same
 * server on loopback (in a process of its own, so that its CPU is not counted).
 *
 *   node test/bench/storage-upload.ts
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const blobBytes = 64 * 1024 * 1024
const blobsCount = 16

if (process.send === undefined) await main()
else serve()

function serve(): void {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(201).end())
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit(0))
}

async function main(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url))
  const [port] = (await once(child, 'message')) as [number]
  const url = `http://127.0.0.1:${port}/account/container/blob?sig=x`
  const ways = { undici: await byUndici(), 'azure storage client': await byAzureClient() }
  for (const [name, put] of Object.entries(ways)) await put(`${url}&warm=${name}`)
  for (const [name, put] of Object.entries(ways)) {
    const cpu = process.cpuUsage()
    const startedAt = performance.now()
    for (let n = 0; n < blobsCount; n += 1) await put(url)
    const { user, system } = process.cpuUsage(cpu)
    const megabytes = (blobBytes * blobsCount) / 1e6
    const seconds = (performance.now() - startedAt) / 1000
    const cpuSecondsPerGb = (user + system) / 1e6 / (megabytes / 1000)
    console.log(
      `${name.padEnd(22)} ${(megabytes / seconds).toFixed(0).padStart(6)} MB/s ${cpuSecondsPerGb.toFixed(2).padStart(6)} CPU-s/GB`,
    )
  }
  child.disconnect()
}

async function* pieces(): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < blobBytes; sent += 256 * 1024) yield Buffer.alloc(256 * 1024, 'x')
}

async function byUndici(): Promise<(url: string) => Promise<void>> {
  const { BlobClient } = await import('../../sidecar/kusto/blobs.ts')
  const { Agent } = await import('undici')
  const client = new BlobClient(new Agent())
  return async (url) => {
    await client.put(url, { bytesCount: blobBytes, read: pieces, onlyIfNew: true })
  }
}

async function byAzureClient(): Promise<(url: string) => Promise<void>> {
  const { AnonymousCredential, BlockBlobClient, newPipeline } = await import('@azure/storage-blob')
  const pipeline = newPipeline(new AnonymousCredential(), { retryOptions: { maxTries: 1 } })
  return async (url) => {
    const client = new BlockBlobClient(url, pipeline)
    await client.upload(() => Readable.from(pieces()), blobBytes, { conditions: { ifNoneMatch: '*' } })
  }
}
