/** The bytes of a journal file; `FORMAT.md` in this folder says what they mean. All numbers are little-endian. */
import { SidecarError } from '../core/errors.ts'
import type { Destination } from '../core/destination.ts'
import type { Frame } from '../core/ports.ts'
import { crc32Of } from '../core/gzip-member.ts'

/** Grows when an older program could no longer read what a newer one writes. */
export const formatVersion = 1

const fileMagic = Buffer.from('KSBATCH\0', 'latin1')
const fileMagicBytes = fileMagic.length
const filePrefixBytes = fileMagicBytes + 4 + 4 + 4
/** A destination is a few names and tags; more than this means that the length is damaged. */
const fileHeaderMaxBytes = 256 * 1024

export const frameMagic = 0x314d5246 // "FRM1"
export const frameHeaderBytes = 40
/** A frame holds one group of records, and a group at most one body: far under this. */
const framePayloadMaxBytes = 0x7fff_ffff

const sealMagic = 0x314c4553 // "SEL1"
export const sealBytes = 48

export type FileHeader = {
  readonly batchId: string
  readonly destination: Destination
  /** When the batch was opened, milliseconds since 1970. */
  readonly openedAtMs: number
}

export type FrameHeader = Omit<Frame, 'payload'> & {
  readonly sequence: number
  readonly payloadBytes: number
  readonly payloadCrc32: number
}

/** What a whole batch holds; written at its end when it is sealed, so that opening it needs no reading of its frames. */
export type BatchSummary = {
  readonly frameCount: number
  readonly recordCount: number
  readonly rawBytes: number
  readonly payloadBytes: number
  readonly rawCrc32: number
}

export function encodeFileHeader(header: FileHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(filePrefixBytes)
  fileMagic.copy(prefix, 0)
  prefix.writeUInt32LE(formatVersion, fileMagicBytes)
  prefix.writeUInt32LE(json.length, fileMagicBytes + 4)
  prefix.writeUInt32LE(crc32Of(json, crc32Of(prefix.subarray(0, fileMagicBytes + 8))), fileMagicBytes + 8)
  return Buffer.concat([prefix, json])
}

/**
 * Reads the header from the first bytes of a file. Undefined when they are damaged or too few.
 * Throws JOURNAL_VERSION_UNSUPPORTED when a newer program wrote them.
 */
export function decodeFileHeader(bytes: Buffer): { header: FileHeader; headerBytes: number } | undefined {
  if (bytes.length < filePrefixBytes || !bytes.subarray(0, fileMagicBytes).equals(fileMagic)) return undefined
  const version = bytes.readUInt32LE(fileMagicBytes)
  const jsonBytes = bytes.readUInt32LE(fileMagicBytes + 4)
  if (jsonBytes > fileHeaderMaxBytes || bytes.length < filePrefixBytes + jsonBytes) return undefined
  const json = bytes.subarray(filePrefixBytes, filePrefixBytes + jsonBytes)
  const expected = crc32Of(json, crc32Of(bytes.subarray(0, fileMagicBytes + 8)))
  if (bytes.readUInt32LE(fileMagicBytes + 8) !== expected) return undefined
  if (version > formatVersion) {
    throw new SidecarError(
      'JOURNAL_VERSION_UNSUPPORTED',
      `The journal has a file of format version ${version}; this program reads up to ${formatVersion}. Start the newer program, or let it empty the journal first.`,
    )
  }
  const header = JSON.parse(json.toString('utf8')) as FileHeader
  return { header, headerBytes: filePrefixBytes + jsonBytes }
}

/** Enough bytes from the start of a file to decode any header. */
export const fileHeaderReadBytes = filePrefixBytes + fileHeaderMaxBytes

export function encodeFrameHeader(frame: Frame, sequence: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32LE(frameMagic, 0)
  header.writeUInt32LE(sequence, 4)
  header.writeUInt32LE(frame.recordCount, 8)
  header.writeUInt32LE(frame.rawBytes, 12)
  header.writeUInt32LE(frame.rawCrc32, 16)
  header.writeUInt32LE(frame.payload.length, 20)
  header.writeUInt32LE(crc32Of(frame.payload), 24)
  // Bytes 28 to 35 are zero: room for what a later version writes beside a frame.
  header.writeUInt32LE(crc32Of(header.subarray(0, 36)), 36)
  return header
}

/** Undefined when the bytes are not a whole frame header. */
export function decodeFrameHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes || bytes.readUInt32LE(0) !== frameMagic) return undefined
  if (bytes.readUInt32LE(36) !== crc32Of(bytes.subarray(0, 36))) return undefined
  const payloadBytes = bytes.readUInt32LE(20)
  if (payloadBytes > framePayloadMaxBytes) return undefined
  return {
    sequence: bytes.readUInt32LE(4),
    recordCount: bytes.readUInt32LE(8),
    rawBytes: bytes.readUInt32LE(12),
    rawCrc32: bytes.readUInt32LE(16),
    payloadBytes,
    payloadCrc32: bytes.readUInt32LE(24),
  }
}

export function encodeSeal(summary: BatchSummary): Buffer {
  const seal = Buffer.alloc(sealBytes)
  seal.writeUInt32LE(sealMagic, 0)
  seal.writeUInt32LE(summary.frameCount, 4)
  seal.writeBigUInt64LE(BigInt(summary.recordCount), 8)
  seal.writeBigUInt64LE(BigInt(summary.rawBytes), 16)
  seal.writeBigUInt64LE(BigInt(summary.payloadBytes), 24)
  seal.writeUInt32LE(summary.rawCrc32, 32)
  seal.writeUInt32LE(crc32Of(seal.subarray(0, 44)), 44)
  return seal
}

/** Undefined when the bytes are not a whole seal. */
export function decodeSeal(bytes: Buffer): BatchSummary | undefined {
  if (bytes.length !== sealBytes || bytes.readUInt32LE(0) !== sealMagic) return undefined
  if (bytes.readUInt32LE(44) !== crc32Of(bytes.subarray(0, 44))) return undefined
  return {
    frameCount: bytes.readUInt32LE(4),
    recordCount: Number(bytes.readBigUInt64LE(8)),
    rawBytes: Number(bytes.readBigUInt64LE(16)),
    payloadBytes: Number(bytes.readBigUInt64LE(24)),
    rawCrc32: bytes.readUInt32LE(32),
  }
}
