/** Opens a file, and reads what its two ends say of it without reading what is in between. */
import type { File, FileSystem, Sending } from '../core/ports.ts'
import { systemCodeOf } from '../core/errors.ts'
import {
  decodeFileHeader,
  decodeSeal,
  fileHeaderReadBytes,
  frameHeaderBytes,
  sealBytes,
  type FileHeader,
  type Seal,
} from './format.ts'
import { decodeSendings, sendingSlotsBytes } from './sending-slots.ts'

/** Undefined when it is damaged or not all there. Rejects with JOURNAL_VERSION_UNSUPPORTED when a newer program wrote it. */
export async function readHeader(file: File): Promise<{ header: FileHeader; framesAt: number } | undefined> {
  for (const bytesCount of [4096, fileHeaderReadBytes]) {
    const buffer = Buffer.alloc(bytesCount)
    const found = decodeFileHeader(buffer.subarray(0, await file.read(buffer, 0)))
    if (found !== undefined) return found
  }
  return undefined
}

/** What a sealed file says of itself, if it agrees with the length of the file. */
export async function readSeal(file: File, framesAt: number, fileBytes: number): Promise<Seal | undefined> {
  const end = Buffer.alloc(Math.min(sealBytes, fileBytes - framesAt))
  await file.read(end, fileBytes - end.length)
  const found = decodeSeal(end)
  if (found === undefined) return undefined
  const { seal, bytesCount } = found
  const framesBytes = seal.frameCount * frameHeaderBytes + seal.payloadBytes + seal.requestsBytes
  return framesAt + framesBytes + bytesCount === fileBytes ? seal : undefined
}

/** The last sending that was noted, of a batch whose frames start at `framesAt` behind the slots. */
export async function readSending(file: File, framesAt: number): Promise<Sending | undefined> {
  return decodeSendings(await readSlots(file, framesAt))
}

export async function readSlots(file: File, framesAt: number): Promise<Buffer> {
  const slots = Buffer.alloc(sendingSlotsBytes)
  await file.read(slots, framesAt - sendingSlotsBytes)
  return slots
}

/** Undefined only when there is no such file: one that cannot be opened for now is not gone. */
export async function openIfThere(fileSystem: FileSystem, path: string): Promise<File | undefined> {
  try {
    return await fileSystem.open(path, 'read')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
