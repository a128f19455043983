/** Finds the whole frames of a file that was not closed properly; see "Reading after a crash" in FORMAT.md. */
import type { File } from '../core/ports.ts'
import { crc32Of } from '../core/gzip-member.ts'
import { SequentialReader } from './sequential-reader.ts'
import { addFrame, emptySummary } from './summary.ts'
import {
  decodeFrameHeader,
  decodeSeal,
  frameHeaderBytes,
  frameMagic,
  sealBytes,
  type BatchSummary,
  type FrameHeader,
} from './format.ts'

export type FramePlace = { readonly header: FrameHeader; readonly payloadAt: number }

export type ScanResult = {
  readonly summary: BatchSummary
  /** Where the run of whole frames that starts at the first one ends. */
  readonly wholeUntil: number
  /** Bytes after `wholeUntil` that are not a seal. */
  readonly restBytes: number
  /** Whole frames after damage. Not empty means corruption; otherwise the rest is a torn tail. */
  readonly afterDamage: readonly FramePlace[]
}

export async function scanFrames(file: File, framesAt: number, fileBytes: number): Promise<ScanResult> {
  let summary = emptySummary
  let position = framesAt
  for await (const frame of framesFrom(file, framesAt)) {
    if (frame.header.sequence !== summary.frameCount) break
    summary = addFrame(summary, frame.header)
    position = frame.payloadAt + frame.header.payloadBytes
  }
  const rest = fileBytes - position
  if (rest === 0) return { summary, wholeUntil: position, restBytes: 0, afterDamage: [] }
  if (rest === sealBytes) {
    const seal = Buffer.alloc(sealBytes)
    await file.read(seal, position)
    if (decodeSeal(seal) !== undefined)
      return { summary, wholeUntil: position, restBytes: 0, afterDamage: [] }
  }
  const afterDamage = await wholeFramesAfter(file, position + 1, fileBytes)
  return { summary, wholeUntil: position, restBytes: rest, afterDamage }
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
    yield { header, payloadAt }
    position = payloadAt + header.payloadBytes
  }
}

const searchWindowBytes = 1024 * 1024

async function wholeFramesAfter(file: File, from: number, fileBytes: number): Promise<FramePlace[]> {
  const found: FramePlace[] = []
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(frameMagic)
  const window = Buffer.alloc(searchWindowBytes)
  let position = from
  while (position < fileBytes) {
    const bytesRead = await file.read(window, position)
    const at = window.subarray(0, bytesRead).indexOf(magic)
    if (at < 0) {
      // The magic may lie across the end of the window.
      if (bytesRead < searchWindowBytes) break
      position += bytesRead - (magic.length - 1)
      continue
    }
    let next = position + at + 1
    for await (const frame of framesFrom(file, position + at)) {
      found.push(frame)
      next = frame.payloadAt + frame.header.payloadBytes
    }
    position = next
  }
  return found
}
