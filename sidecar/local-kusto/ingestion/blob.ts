/** Downloads a blob with the SAS of the message, and undoes gzip. */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { IngestionError } from './outcome.ts'

const downloadTimeoutMs = 60_000

/**
 * The uncompressed bytes, in pieces. Whether they were gzip is decided by the content. Throws IngestionError with a `Download_` code,
 * or BadRequest_InvalidBlob when the gzip is damaged.
 */
export async function* readBlob(url: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const compressed = await download(url, signal)
  const pieces = compressed[Symbol.asyncIterator]()
  const head: Buffer[] = []
  let isGzip = false
  for (let size = 0; size < 2;) {
    const next = await pieces.next()
    if (next.done === true) break
    head.push(next.value as Buffer)
    size += (next.value as Buffer).length
    const [first, second] = Buffer.concat(head)
    isGzip = first === 0x1f && second === 0x8b
  }
  const all = Readable.from(joined(head, pieces))
  if (!isGzip) {
    yield* all
    return
  }
  const gunzip = createGunzip()
  all.on('error', (error) => gunzip.destroy(error))
  try {
    for await (const piece of all.pipe(gunzip)) yield piece as Buffer
  } catch (error) {
    if (error instanceof IngestionError) throw error
    throw new IngestionError('BadRequest_InvalidBlob', 'The blob is not valid gzip.')
  } finally {
    all.destroy()
    gunzip.destroy()
  }
}

async function download(url: string, signal: AbortSignal): Promise<Readable> {
  if (!isLoopback(url))
    throw new IngestionError('Download_Forbidden', 'The local Kusto reads from this machine only.')
  let response: Response
  try {
    response = await fetch(url, {
      headers: { 'x-ms-version': '2021-12-02' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(downloadTimeoutMs)]),
    })
  } catch (error) {
    throw new IngestionError(
      'Download_TransientNameResolutionFailure',
      `Storage did not answer: ${String(error)}`,
      'Transient',
    )
  }
  if (response.ok && response.body !== null) return Readable.fromWeb(response.body)
  await response.body?.cancel()
  if (response.status === 404) throw new IngestionError('Download_SourceNotFound', 'The blob does not exist.')
  if (response.status === 403)
    throw new IngestionError('Download_Forbidden', 'Storage refused the SAS of the blob.')
  throw new IngestionError(
    'Download_UnknownError',
    `Storage answered ${response.status} to the download.`,
    'Transient',
  )
}

export function isLoopback(url: string): boolean {
  return URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

async function* joined(head: readonly Buffer[], rest: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  yield* head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value as Buffer
}
