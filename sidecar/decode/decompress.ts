import { codeOf, SidecarError } from '../core/errors.ts'
import type { Decompress } from '../core/ports.ts'
import { CLOSE_BRACE, CLOSE_BRACKET, OPEN_BRACE, OPEN_BRACKET, QUOTE, skipWhitespace } from './bytes.ts'
import { tooLargeDecompressed } from './encoding-errors.ts'
import { gunzipBody, inflateBody } from './inflate.ts'
import { decodeLimits } from './limits.ts'
import { unsnappyBody } from './snappy.ts'
import { afterByteOrderMark } from './unicode.ts'
import { unzstdBody } from './zstd.ts'

/** Never gives more than `maxBytes`, or fails with HTTP_BODY_TOO_LARGE. */
type Decompressor = (body: Buffer, maxBytes: number) => Buffer | Promise<Buffer>

/** What each Content-Encoding needs, besides `identity`. */
const decompressors: ReadonlyMap<string, Decompressor> = new Map<string, Decompressor>([
  ['gzip', gunzipBody],
  ['x-gzip', gunzipBody],
  ['deflate', inflateBody],
  ['zstd', unzstdBody],
  ['snappy', unsnappyBody],
])

/** No text, JSON or msgpack of a shipper begins with these bytes. Deflate and snappy have none that are theirs alone. */
const magics: readonly { readonly bytes: Buffer; readonly decompressor: Decompressor }[] = [
  { bytes: Buffer.from([0x1f, 0x8b, 0x08]), decompressor: gunzipBody },
  { bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), decompressor: unzstdBody },
]

const mistakes: ReadonlySet<string> = new Set(['HTTP_ENCODING_BROKEN', 'HTTP_BODY_TOO_LARGE'])

/**
 * Undoes a Content-Encoding: names in any case, or a list of them, the last one first.
 *
 * Mistakes of proxies on the way do no harm. A body that cannot be undone but begins like JSON was decompressed already, and is taken
 * as it is; one that begins like gzip or zstd when it should be something else, or when nothing more is to be undone, is undone as
 * what it is.
 *
 * Rejects with SidecarError HTTP_ENCODING_UNSUPPORTED; HTTP_ENCODING_BROKEN, also for a cut body and for one with more than zero
 * bytes after its end; or HTTP_BODY_TOO_LARGE as soon as the output of a step passes `maxBytes`.
 */
export const decompress: Decompress = async (body, encoding, maxBytes) => {
  let result = body
  const steps = stepsOf(encoding)
  for (const step of steps) result = await undo(step, result, maxBytes, step === steps.at(-1))
  const lost = decompressorByMagic(result)
  if (lost !== undefined) result = await lost(result, maxBytes)
  if (result.length > maxBytes) throw tooLargeDecompressed(maxBytes)
  return result
}

function stepsOf(encoding = ''): Decompressor[] {
  const names = encoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  const steps = names.map((name) => decompressors.get(name)).filter((step) => step !== undefined)
  if (steps.length < names.length || steps.length > decodeLimits.encodingsMax) throw unsupported(encoding)
  return steps.toReversed()
}

async function undo(
  decompressor: Decompressor,
  body: Buffer,
  maxBytes: number,
  isLast: boolean,
): Promise<Buffer> {
  try {
    return await decompressor(body, maxBytes)
  } catch (error) {
    // Any bytes may begin a deflate or snappy stream, even one that seems to be huge, but hardly one goes on to its end.
    const isOther = isLast && (decompressorByMagic(body) ?? decompressor) !== decompressor
    if (mistakes.has(codeOf(error)) && (isOther || beginsLikeJson(body))) return body
    throw error
  }
}

function decompressorByMagic(body: Buffer): Decompressor | undefined {
  return magics.find(({ bytes }) => body.subarray(0, bytes.length).equals(bytes))?.decompressor
}

/** An object or an array of objects, up to its second token. */
function beginsLikeJson(body: Buffer): boolean {
  const first = skipWhitespace(body, afterByteOrderMark(body), body.length)
  const next = body[skipWhitespace(body, first + 1, body.length)]
  if (body[first] === OPEN_BRACE) return next === QUOTE || next === CLOSE_BRACE
  return body[first] === OPEN_BRACKET && (next === OPEN_BRACE || next === CLOSE_BRACKET)
}

function unsupported(encoding: string): SidecarError {
  // A header may hold anything; only what can be the name of an encoding is repeated.
  const name = encoding.trim().toLowerCase()
  const quoted = /^[a-z0-9_, -]{1,40}$/.test(name) ? ` "${name}"` : ''
  const names = ['identity', ...decompressors.keys()].join(', ')
  const message = `The Content-Encoding${quoted} is not supported; supported are ${names}, and up to ${decodeLimits.encodingsMax} of them in a list.`
  return new SidecarError('HTTP_ENCODING_UNSUPPORTED', message)
}
