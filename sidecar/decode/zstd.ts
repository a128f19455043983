import { codeOf } from '../core/errors.ts'
import { brokenEncoding, tooLargeDecompressed } from './encoding-errors.ts'
import { unzstdFrame } from './inflate.ts'
import { decodeLimits } from './limits.ts'

const MAGIC = 0xfd2fb528
/** The lowest four bits of the magic of a skippable frame may be any. */
const SKIPPABLE_MAGIC = 0x184d2a50
const LAST_BLOCK = 1
const RLE_BLOCK = 1

/**
 * Undoes zstd (RFC 8878): frames one after the other, and skippable frames, which hold no content. Node alone stops after the first
 * frame and drops the others without a word, so their ends are found here. Zero bytes after the last frame are padding.
 *
 * Rejects with HTTP_ENCODING_BROKEN, or with HTTP_BODY_TOO_LARGE as soon as the output of all frames passes `maxBytes`.
 */
export async function unzstdBody(body: Buffer, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytesCount = 0
  for (const frame of framesOf(body)) {
    const piece = await unzstdFrame(frame, maxBytes - bytesCount).catch((error: unknown) => {
      throw codeOf(error) === 'HTTP_BODY_TOO_LARGE' ? tooLargeDecompressed(maxBytes) : error
    })
    bytesCount += piece.length
    if (bytesCount > maxBytes) throw tooLargeDecompressed(maxBytes)
    pieces.push(piece)
  }
  const [only] = pieces
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}

/** The frames with content, in their order; all are measured before the first is decompressed. */
function framesOf(body: Buffer): Buffer[] {
  const frames: Buffer[] = []
  const { length } = body
  let offset = 0
  do {
    const magic = new FrameReader(body, offset).uint(4)
    if (magic === MAGIC) {
      if (frames.length === decodeLimits.zstdFramesMax)
        throw brokenEncoding('zstd', `it has more than ${decodeLimits.zstdFramesMax} frames`)
      const end = endOfFrame(body, offset)
      frames.push(body.subarray(offset, end))
      offset = end
    } else if ((magic & ~0x0f) === SKIPPABLE_MAGIC) {
      offset = endOfSkippable(body, offset)
    } else {
      throw brokenEncoding('zstd', `no frame begins at byte ${offset}`)
    }
  } while (offset < length && !isPadding(body, offset))
  return frames
}

function isPadding(body: Buffer, start: number): boolean {
  return body[start] === 0 && body.subarray(start).every((byte) => byte === 0)
}

function endOfSkippable(body: Buffer, start: number): number {
  const reader = new FrameReader(body, start + 4)
  reader.skip(reader.uint(4))
  return reader.offset
}

/** The header says how long it is, and each block how long it is; nothing else has to be understood. */
function endOfFrame(body: Buffer, start: number): number {
  const reader = new FrameReader(body, start + 4)
  const descriptor = reader.uint(1)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const hasChecksum = (descriptor & 0x04) !== 0
  const windowBytes = isSingleSegment ? 0 : 1
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  reader.skip(windowBytes + dictionaryIdBytes + contentSizeBytes)
  for (let header = 0; (header & LAST_BLOCK) === 0;) {
    header = reader.uint(3)
    reader.skip(((header >> 1) & 3) === RLE_BLOCK ? 1 : header >> 3)
  }
  if (hasChecksum) reader.skip(4)
  return reader.offset
}

class FrameReader {
  readonly #body: Buffer
  offset: number

  constructor(body: Buffer, offset: number) {
    this.#body = body
    this.offset = offset
  }

  uint(bytesCount: number): number {
    const start = this.offset
    this.skip(bytesCount)
    return this.#body.readUIntLE(start, bytesCount)
  }

  skip(bytesCount: number): void {
    this.offset += bytesCount
    if (this.offset > this.#body.length) throw brokenEncoding('zstd', 'it ends too early')
  }
}
