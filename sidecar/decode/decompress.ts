import { gunzip } from 'node:zlib'
import { SidecarError, systemCodeOf } from '../core/errors.ts'
import type { Decompress } from '../core/ports.ts'
import { bytesPerMb } from '../core/limits.ts'

type Decompressor = (body: Buffer, maxBytes: number) => Promise<Buffer>

/** What each Content-Encoding needs. A body may consist of several gzip members. */
const decompressors: ReadonlyMap<string, Decompressor> = new Map([
  ['identity', async (body: Buffer) => body],
  ['gzip', gunzipBody],
  ['x-gzip', gunzipBody],
])

/** Output is collected in pieces of this size: with Node's 16 KB, a body of 32 MB would be 2,000 of them. */
const OUTPUT_CHUNK_BYTES = 256 * 1024

/**
 * Undoes one Content-Encoding, whose name may be in any case. Rejects with SidecarError HTTP_ENCODING_UNSUPPORTED, HTTP_ENCODING_BROKEN,
 * or HTTP_BODY_TOO_LARGE as soon as the output passes `maxBytes`.
 */
export const decompress: Decompress = async (body, encoding, maxBytes) => {
  const name = encoding?.trim().toLowerCase() ?? ''
  const decompressor = decompressors.get(name === '' ? 'identity' : name)
  if (decompressor === undefined) throw unsupported(name)
  const output = await decompressor(body, maxBytes)
  if (output.length > maxBytes) throw tooLarge(maxBytes)
  return output
}

function gunzipBody(body: Buffer, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  gunzip(body, { chunkSize: OUTPUT_CHUNK_BYTES, maxOutputLength: maxBytes }, (error, output) => {
    if (error === null) resolve(output)
    else if (systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(maxBytes))
    else reject(broken('gzip', body.length, error))
  })
  return promise
}

function unsupported(name: string): SidecarError {
  // A header may hold anything; only what can be the name of an encoding is repeated.
  const quoted = /^[a-z0-9_, -]{1,40}$/.test(name) ? ` "${name}"` : ''
  const names = [...decompressors.keys()].join(', ')
  const message = `The Content-Encoding${quoted} is not supported; supported are ${names}.`
  return new SidecarError('HTTP_ENCODING_UNSUPPORTED', message)
}

function tooLarge(maxBytes: number): SidecarError {
  const megabytes = maxBytes / bytesPerMb
  return new SidecarError(
    'HTTP_BODY_TOO_LARGE',
    `The body is larger than ${megabytes} MB when it is decompressed.`,
  )
}

function broken(encoding: string, bytesCount: number, cause: Error): SidecarError {
  const message = `The body of ${bytesCount} bytes is not valid ${encoding}: ${cause.message}.`
  return new SidecarError('HTTP_ENCODING_BROKEN', message, { cause })
}
