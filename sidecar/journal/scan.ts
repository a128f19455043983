/** Finds the whole frames of a file that was not closed properly; see "Reading after a crash" in FORMAT.md. */
import type { File } from '../core/ports.ts'
import { crc32Of } from '../core/gzip-member.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { SequentialReader } from './sequential-reader.ts'
import { addFrame, emptySummary } from './summary.ts'
import {
  decodeFrameHeader,
  decodeSeal,
  frameBytesOf,
  frameHeaderBytes,
  frameMagic,
  sealBytes,
  startsLikeSeal,
  type BatchSummary,
  type FrameHeader,
} from './format.ts'
import { decodeSlices } from './request-format.ts'

export type FramePlace = {
  readonly header: FrameHeader
  readonly payloadAt: number
  readonly requests: readonly RequestSlice[]
}

export type ScanResult = {
  readonly summary: BatchSummary
  /** The requests of these frames. */
  readonly requests: readonly RequestSlice[]
  /** Where the run of whole frames that starts at the first one ends. */
  readonly wholeUntil: number
  /** Bytes after `wholeUntil` that are not a seal. */
  readonly restBytes: number
  /** The rest is what a write leaves that was cut short, and nothing was lost that anybody was told is safe. */
  readonly isTorn: boolean
  /** Whole frames after damage. Not empty means corruption; otherwise the rest is a torn tail. */
  readonly afterDamage: readonly FramePlace[]
}

export async function scanFrames(file: File, framesAt: number, fileBytes: number): Promise<ScanResult> {
  let summary = emptySummary
  const requests: RequestSlice[] = []
  let position = framesAt
  for await (const frame of framesFrom(file, framesAt)) {
    if (frame.header.sequence !== summary.frameCount) break
    summary = addFrame(summary, frame.header)
    for (const slice of frame.requests) requests.push(slice)
    position += frameBytesOf(frame.header)
  }
  const whole = { summary, requests, wholeUntil: position }
  const rest = fileBytes - position
  if (rest <= 0 || (await isSealed(file, position, fileBytes)))
    return { ...whole, restBytes: 0, isTorn: false, afterDamage: [] }
  const afterDamage: FramePlace[] = []
  for await (const frame of wholeFramesAfter(file, position + 1, fileBytes)) afterDamage.push(frame)
  const isTorn = afterDamage.length === 0 && (await isCutShort(file, position, fileBytes))
  return { ...whole, restBytes: rest, isTorn, afterDamage }
}

/** Whether a seal is all there is from `position` on. */
async function isSealed(file: File, position: number, fileBytes: number): Promise<boolean> {
  const rest = Buffer.alloc(Math.min(sealBytes, fileBytes - position))
  await file.read(rest, fileBytes - rest.length)
  return decodeSeal(rest)?.bytesCount === fileBytes - position
}

/** The frames from `framesAt` on whose checksums hold, up to the first that is not whole. */
export async function* framesFrom(file: File, framesAt: number): AsyncGenerator<FramePlace> {
  const reader = new SequentialReader(file, framesAt)
  let position = framesAt
  for (;;) {
    const header = decodeFrameHeader(await reader.take(frameHeaderBytes))
    if (header === undefined) return
    const payloadAt = position + frameHeaderBytes
    let crc = 0
    let left = header.payloadBytes
    while (left > 0) {
      const piece = await reader.piece(left)
      if (piece.length === 0) return
      crc = crc32Of(piece, crc)
      left -= piece.length
    }
    if (crc !== header.payloadCrc32) return
    const requests = await reader.take(header.requestsBytes)
    if (requests.length < header.requestsBytes) return
    if (requests.length > 0 && crc32Of(requests) !== header.requestsCrc32) return
    yield { header, payloadAt, requests: decodeSlices(requests) }
    position += frameBytesOf(header)
  }
}

const searchWindowBytes = 1024 * 1024

/**
 * Looks for whole frames behind damage. Every place that could be the start of one is decided by its header, inside the window, so that
 * bytes that look like many starts cost no reading.
 */
export async function* wholeFramesAfter(
  file: File,
  from: number,
  fileBytes: number,
): AsyncGenerator<FramePlace> {
  const window = Buffer.alloc(searchWindowBytes)
  let position = from
  while (position + frameHeaderBytes <= fileBytes) {
    const bytesRead = await file.read(window, position)
    const candidate = headerIn(window.subarray(0, bytesRead))
    if (candidate === undefined) {
      // A header may lie across the end of the window.
      position += Math.max(1, bytesRead - (frameHeaderBytes - 1))
      continue
    }
    let next = position + candidate + 1
    for await (const frame of framesFrom(file, position + candidate)) {
      yield frame
      next = frame.payloadAt - frameHeaderBytes + frameBytesOf(frame.header)
    }
    position = next
  }
}

/** The offset of the first frame header whose checksum holds. */
function headerIn(window: Buffer): number | undefined {
  for (let at = window.indexOf(magicBytes); at >= 0; at = window.indexOf(magicBytes, at + 1)) {
    if (decodeFrameHeader(window.subarray(at, at + frameHeaderBytes)) !== undefined) return at
  }
  return undefined
}

const magicBytes = Buffer.alloc(4)
magicBytes.writeUInt32LE(frameMagic)

/**
 * Whether the bytes at the end of a file are what a write leaves that was cut short: less than a header, a header whose payload
 * is not all there, a part of a seal, or zeros (a file system that had made the file longer but not yet filled it). Anything else is damage.
 */
export async function isCutShort(file: File, position: number, fileBytes: number): Promise<boolean> {
  const start = Buffer.alloc(Math.min(frameHeaderBytes, fileBytes - position))
  await file.read(start, position)
  if (start.length < frameHeaderBytes || start.every((byte) => byte === 0)) return true
  if (fileBytes - position < sealBytes && startsLikeSeal(start)) return true
  const header = decodeFrameHeader(start)
  return header !== undefined && position + frameBytesOf(header) > fileBytes
}
