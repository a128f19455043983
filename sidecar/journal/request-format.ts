/** The bytes of request slices, in frames, behind the frames of a sealed file, and in the key log; see FORMAT.md. */
import type { RequestSlice } from '../core/request-slice.ts'

export const sliceBytes = 48
const keyBytes = 16
const connectionBytes = 8

export function encodeSlices(slices: readonly RequestSlice[]): Buffer {
  const bytes = Buffer.alloc(slices.length * sliceBytes)
  for (const [index, slice] of slices.entries()) {
    const at = index * sliceBytes
    bytes.write(slice.key, at, 'hex')
    bytes.write(slice.connection, at + 16, 'hex')
    bytes.writeUInt32LE(slice.requestNumber, at + 24)
    bytes.writeUInt32LE(slice.fingerprint, at + 28)
    bytes.writeUInt16LE(slice.part, at + 32)
    bytes.writeUInt16LE(slice.partCount, at + 34)
    bytes.writeUInt32LE(slice.firstRecord, at + 36)
    bytes.writeUInt32LE(slice.recordCount, at + 40)
    bytes.writeUInt32LE(slice.partRecords, at + 44)
  }
  return bytes
}

/** `bytes` holds whole slices, checked by the checksum of what they are in. */
export function decodeSlices(bytes: Buffer): RequestSlice[] {
  return Array.from({ length: Math.floor(bytes.length / sliceBytes) }, (_, index) => {
    const at = index * sliceBytes
    const connection = bytes.toString('hex', at + keyBytes, at + keyBytes + connectionBytes)
    return {
      key: bytes.toString('hex', at, at + keyBytes),
      connection: connection === noConnection ? '' : connection,
      requestNumber: bytes.readUInt32LE(at + 24),
      fingerprint: bytes.readUInt32LE(at + 28),
      part: bytes.readUInt16LE(at + 32),
      partCount: bytes.readUInt16LE(at + 34),
      firstRecord: bytes.readUInt32LE(at + 36),
      recordCount: bytes.readUInt32LE(at + 40),
      partRecords: bytes.readUInt32LE(at + 44),
    }
  })
}

const noConnection = '0'.repeat(2 * connectionBytes)
