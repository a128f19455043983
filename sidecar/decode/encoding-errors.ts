import { SidecarError, systemCodeOf } from '../core/errors.ts'

const outOfMemory: ReadonlySet<string | undefined> = new Set(['Z_MEM_ERROR', 'ZSTD_error_memory_allocation'])

/** The body is not what its encoding promises. `problem` is the end of a sentence and holds nothing of the body. */
export function brokenEncoding(encoding: string, problem: string, cause?: unknown): SidecarError {
  const message = `The body is not valid ${encoding}: ${problem}.`
  return new SidecarError('HTTP_ENCODING_BROKEN', message, cause === undefined ? undefined : { cause })
}

export function tooLargeDecompressed(maxBytes: number): SidecarError {
  const message = `The body is over server.max_body_mb (${maxBytes} bytes) when it is decompressed. It is kept as a dead letter.`
  return new SidecarError('HTTP_BODY_TOO_LARGE', message)
}

/** What an error of `node:zlib` means. Too little memory is no fault of the body: it may come again. */
export function zlibErrorOf(encoding: string, maxBytes: number, error: Error): SidecarError {
  const code = systemCodeOf(error)
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLargeDecompressed(maxBytes)
  if (outOfMemory.has(code)) {
    const message = 'There is not enough memory to decompress the body.'
    return new SidecarError('HTTP_OVERLOADED', message, { cause: error })
  }
  return brokenEncoding(encoding, error.message, error)
}
