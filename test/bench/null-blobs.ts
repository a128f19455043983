/** The blobs of a null Kusto: whole ones, and those put together of blocks in the order of their list. */
import { createWriteStream } from 'node:fs'
import { appendFile, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'

export type ArrivedBlob = {
  readonly name: string
  /** Milliseconds of the epoch when its last byte had come. */
  readonly atMs: number
}

export class NullBlobs {
  /** Whole blobs and lists of blocks. */
  blobs = 0
  bytes = 0
  readonly #directory: string | undefined
  readonly #onArrival: (blob: ArrivedBlob) => void

  /** With a directory, blobs are written there. */
  constructor(directory: string | undefined, onArrival: (blob: ArrivedBlob) => void) {
    this.#directory = directory
    this.#onArrival = onArrival
  }

  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (request.method !== 'PUT') {
      request.resume()
      response.writeHead(request.method === 'DELETE' ? 202 : 404).end()
      return
    }
    const query = new URLSearchParams((request.url ?? '').split('?')[1])
    const name = path.replaceAll('/', '_')
    const block = query.get('blockid')
    if (query.get('comp') === 'blocklist') await this.#commit(name, request)
    else {
      await this.#take(block === null ? name : blockName(name, block), request)
      this.bytes += Number(request.headers['content-length'])
    }
    if (block === null) {
      this.blobs += 1
      this.#onArrival({ name, atMs: performance.timeOrigin + performance.now() })
    }
    response.writeHead(201).end()
  }

  /** The last blob, or block, of a name is the one that counts. */
  async #take(name: string, request: IncomingMessage): Promise<void> {
    if (this.#directory === undefined) {
      request.resume()
      await finished(request, { writable: false })
      return
    }
    const file = createWriteStream(join(this.#directory, name))
    request.pipe(file)
    await finished(file)
  }

  async #commit(name: string, request: IncomingMessage): Promise<void> {
    let xml = ''
    for await (const chunk of request) xml += String(chunk)
    if (this.#directory === undefined) return
    const target = join(this.#directory, name)
    await rm(target, { force: true })
    const blocks = Array.from(
      xml.matchAll(/<(Latest|Uncommitted)>([^<]*)<\/\1>/g),
      ([, , block]) => block as string,
    )
    for (const block of blocks)
      await appendFile(target, await readFile(join(this.#directory, blockName(name, block))))
  }
}

/** Starts with a dot, so that nobody takes it for a blob. */
function blockName(blob: string, block: string): string {
  return `.${blob}.${Buffer.from(block).toString('hex')}`
}
