/**
 * The last message that was, or may have been, sent for a batch, in two slots behind the header of its file.
 *
 * Their room is taken when the file is made, so that a full disk cannot keep a batch from being delivered. A sending goes into the slot of
 * its number's parity: a write that is cut short leaves the other one whole, and then its message was not sent yet.
 */
import assert from 'node:assert/strict'
import type { File, FileSystem, Sending } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { crc32Of } from '../core/gzip-member.ts'

const slotBytes = 4096
export const sendingSlotsBytes = 2 * slotBytes

const magic = 0x31444e53 // "SND1"
const headBytes = 24
const crcBytes = 4

/** Where a sending goes, counted from the first slot, and its bytes. Undefined when its address is too long for a slot. */
export function encodeSending(sending: Sending): { offset: number; bytes: Buffer } | undefined {
  const url = Buffer.from(sending.blob.url)
  if (headBytes + url.length + crcBytes > slotBytes) return undefined
  const bytes = Buffer.alloc(headBytes + url.length + crcBytes)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(sending.number, 4)
  bytes.writeDoubleLE(sending.startedAtMs, 8)
  bytes.writeUInt32LE(url.length, 16)
  url.copy(bytes, headBytes)
  bytes.writeUInt32LE(crc32Of(bytes.subarray(0, -crcBytes)), bytes.length - crcBytes)
  return { offset: (sending.number % 2) * slotBytes, bytes }
}

/** How many of the slots were written and are not whole. */
export function brokenSlots(slots: Buffer): number {
  return [slots.subarray(0, slotBytes), slots.subarray(slotBytes)].filter(
    (slot) => decodeSlot(slot) === undefined && slot.some((byte) => byte !== 0),
  ).length
}

/** The later one of the whole slots. */
export function decodeSendings(slots: Buffer): Sending | undefined {
  const found = [slots.subarray(0, slotBytes), slots.subarray(slotBytes)]
    .map(decodeSlot)
    .filter((sending) => sending !== undefined)
  return found.sort((a, b) => b.number - a.number)[0]
}

function decodeSlot(slot: Buffer): Sending | undefined {
  if (slot.length < headBytes || slot.readUInt32LE(0) !== magic) return undefined
  const crcAt = headBytes + slot.readUInt32LE(16)
  if (crcAt + crcBytes > slot.length || slot.readUInt32LE(crcAt) !== crc32Of(slot.subarray(0, crcAt)))
    return undefined
  return {
    number: slot.readUInt32LE(4),
    startedAtMs: slot.readDoubleLE(8),
    blob: { url: slot.toString('utf8', headBytes, crcAt) },
  }
}

/** Resolves when the sending is durable in the file of the batch. Rejects with JOURNAL_WRITE_FAILED, or with JOURNAL_SYNC_FAILED, which is fatal. */
export async function writeSending(
  fileSystem: FileSystem,
  { path, framesAt }: { readonly path: string; readonly framesAt: number },
  sending: Sending,
  onFatal: (error: SidecarError) => void,
): Promise<void> {
  const slot = encodeSending(sending)
  assert(slot !== undefined, 'the address of a blob fits into a slot')
  let file: File | undefined
  try {
    file = await fileSystem.open(path, 'update')
    await file.write([slot.bytes], framesAt - sendingSlotsBytes + slot.offset)
    await file.sync().catch((cause: unknown) => {
      const message = `The journal file ${path} could not be synced to the disk: ${messageOf(cause)}. The process stops.`
      const error = new SidecarError('JOURNAL_SYNC_FAILED', message, { cause })
      onFatal(error)
      throw error
    })
  } catch (error) {
    if (error instanceof SidecarError) throw error
    const message = `What is sent for the batch in ${path} could not be noted: ${messageOf(error)}. It is not sent until that works.`
    throw new SidecarError('JOURNAL_WRITE_FAILED', message, { cause: error })
  } finally {
    await file?.close().catch(() => undefined)
  }
}
