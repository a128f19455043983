/**
 * The three calls to Azure Storage that ingestion needs, by its REST API through undici. Why not the SDK's own uploads or the
 * Azure Storage clients: decision 0005. Each call has a time limit; retrying is left to delivery.
 * Source: learn.microsoft.com, "Put Blob", "Get Blob Properties", "Put Message".
 */
import { Readable } from 'node:stream'
import { request, type Dispatcher } from 'undici'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { codeOfStorageStatus, kustoError } from './classify.ts'
import { redact, withoutSas } from './redact.ts'

/** Put Blob takes 5,000 MiB in one call from 2019-12-12 on. */
const storageVersion = '2021-12-02'
/** An upload that takes longer is given up and started again, perhaps at another account. */
const uploadTimeoutMs = 15 * 60_000

type Answer = {
  readonly status: number
  readonly storageCode: string | undefined
  readonly headers: Dispatcher.ResponseData['headers']
}

export class StorageClient {
  readonly #dispatcher: Dispatcher

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
  }

  /** Resolves with `exists` when `onlyIfNew` and a blob of that name is there. `url` carries a SAS. */
  async putBlob(
    url: string,
    blob: { bytesCount: number; read: () => AsyncIterable<Buffer>; onlyIfNew: boolean },
  ): Promise<'created' | 'exists'> {
    const body = Readable.from(blob.read(), { objectMode: false, highWaterMark: limits.readChunkBytes })
    // An error of the source itself (a damaged file) must come out as it is, not as the failed request that it causes.
    const source = { error: undefined as unknown }
    body.on('error', (error) => (source.error ??= error))
    try {
      const answer = await this.#call(url, 'Uploading a blob to', uploadTimeoutMs, {
        method: 'PUT',
        headers: {
          'content-length': String(blob.bytesCount),
          'content-type': 'application/octet-stream',
          'x-ms-blob-type': 'BlockBlob',
          ...(blob.onlyIfNew ? { 'if-none-match': '*' } : {}),
        },
        body,
      })
      if (answer.status === 201) return 'created'
      if (answer.status === 409 && blob.onlyIfNew) return 'exists'
      throw refused(answer, `Uploading a blob to ${withoutSas(url)}`)
    } catch (error) {
      if (source.error instanceof SidecarError) throw source.error
      throw error
    } finally {
      body.destroy()
    }
  }

  /** The length of a blob, or undefined when it cannot be told. */
  async blobBytes(url: string): Promise<number | undefined> {
    const answer = await this.#call(url, 'Looking at a blob in', limits.kustoRequestTimeoutMs, {
      method: 'HEAD',
    })
    const length = Number(answer.headers['content-length'])
    return answer.status === 200 && Number.isSafeInteger(length) ? length : undefined
  }

  /** `url` is that of a queue, with its SAS. */
  async putMessage(url: string, text: string): Promise<void> {
    const queue = new URL(url)
    queue.pathname = `${queue.pathname.replace(/\/$/, '')}/messages`
    const encoded = Buffer.from(text).toString('base64')
    const answer = await this.#call(
      queue.href,
      'Posting an ingestion message to',
      limits.kustoRequestTimeoutMs,
      {
        method: 'POST',
        headers: { 'content-type': 'application/xml' },
        body: `<QueueMessage><MessageText>${encoded}</MessageText></QueueMessage>`,
      },
    )
    if (answer.status !== 201) throw refused(answer, `Posting an ingestion message to ${withoutSas(url)}`)
  }

  async #call(
    url: string,
    what: string,
    timeoutMs: number,
    options: { method: Dispatcher.HttpMethod; headers?: Record<string, string>; body?: string | Readable },
  ): Promise<Answer> {
    try {
      const { statusCode, headers, body } = await request(url, {
        method: options.method,
        headers: { 'x-ms-version': storageVersion, ...options.headers },
        body: options.body ?? null,
        dispatcher: this.#dispatcher,
        signal: AbortSignal.timeout(timeoutMs),
        headersTimeout: limits.storageIdleTimeoutMs,
        bodyTimeout: limits.storageIdleTimeoutMs,
      })
      // The answer is known by its status; what else it says may be cut off without harm.
      const text = await body.text().catch(() => '')
      const header = headers['x-ms-error-code']
      const storageCode = typeof header === 'string' ? header : /<Code>(\w{1,60})<\/Code>/.exec(text)?.[1]
      return { status: statusCode, storageCode, headers }
    } catch (error) {
      throw kustoError(error, `${what} ${withoutSas(url)}`)
    }
  }
}

function refused({ status, storageCode }: Answer, what: string): SidecarError {
  const code = codeOfStorageStatus(status, storageCode)
  const reason = storageCode === undefined ? '' : ` ${redact(storageCode)}`
  return new SidecarError(code, `${what} was refused with ${status}${reason}.`)
}
