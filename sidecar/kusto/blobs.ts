/**
 * The calls to blob storage that ingestion needs.
 * Source: learn.microsoft.com, "Put Blob", "Get Blob Properties", "Delete Blob".
 */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { callStorage, refusedBy } from './storage-call.ts'

/** An upload that takes longer is given up and started again, perhaps at another account. */
const uploadTimeoutMs = 15 * 60_000

export class BlobClient {
  readonly #dispatcher: Dispatcher

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
  }

  /** Resolves with `exists` when `onlyIfNew` and a blob of that name is there. `url` carries a SAS. */
  async put(
    url: string,
    blob: { bytesCount: number; read: () => AsyncIterable<Buffer>; onlyIfNew: boolean },
  ): Promise<'created' | 'exists'> {
    const body = Readable.from(blob.read(), { objectMode: false, highWaterMark: limits.readChunkBytes })
    // An error of the source itself (a damaged file) must come out as it is, not as the failed request that it causes.
    const source = { error: undefined as unknown }
    body.on('error', (error) => (source.error ??= error))
    const what = 'Uploading a blob to'
    try {
      const answer = await callStorage(this.#dispatcher, url, what, {
        method: 'PUT',
        timeoutMs: uploadTimeoutMs,
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
      throw refusedBy(answer, what, url)
    } catch (error) {
      if (source.error instanceof SidecarError) throw source.error
      throw error
    } finally {
      body.destroy()
    }
  }

  /** The length of a blob, or undefined when it cannot be told. */
  async bytesCount(url: string): Promise<number | undefined> {
    const answer = await callStorage(this.#dispatcher, url, 'Looking at a blob in', {
      method: 'HEAD',
      timeoutMs: limits.kustoRequestTimeoutMs,
    })
    const length = Number(answer.headers['content-length'])
    return answer.status === 200 && Number.isSafeInteger(length) ? length : undefined
  }

  /** Resolves with undefined when the blob is gone, also when it was before, and with why when storage does not let us. */
  async remove(url: string): Promise<SidecarError | undefined> {
    const what = 'Deleting a blob from'
    const answer = await callStorage(this.#dispatcher, url, what, {
      method: 'DELETE',
      timeoutMs: limits.kustoRequestTimeoutMs,
      // A blob with snapshots is otherwise kept.
      headers: { 'x-ms-delete-snapshots': 'include' },
    })
    if (answer.status === 202 || answer.status === 404) return undefined
    const why = refusedBy(answer, what, url)
    if (answer.status === 401 || answer.status === 403) return why
    throw why
  }
}
