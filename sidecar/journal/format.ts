/** The bytes of a journal file; `FORMAT.md` in this folder says what they mean. All numbers are little-endian. */
import { SidecarError } from '../core/errors.ts'
import type { Destination } from '../core/destination.ts'
import type { Frame } from '../core/ports.ts'
import { crc32Of } from '../core/gzip-member.ts'
import type { Settlement } from '../core/settlement.ts'
import { sendingSlotsBytes } from './sending-slots.ts'

/** The newest version that this program reads. It grows when an older program could no longer read what a newer one writes. */
export const formatVersion = 2
/** Without `settlement` and requests a file is as before, so that an older program can take it over. */
const versionWithoutRequests = 1

const fileMagic = Buffer.from('KSBATCH\0', 'latin1')
const fileMagicBytes = fileMagic.length
const filePrefixBytes = fileMagicBytes + 4 + 4 + 4
/** A destination is a few names and tags; more than this means that the length is damaged. */
const fileHeaderMaxBytes = 256 * 1024

export const frameMagic = 0x314d5246 // "FRM1"
export const frameHeaderBytes = 40
/** A frame holds one group of records, and a group at most one body: far under this. */
const framePayloadMaxBytes = 0x7fff_ffff

const sealMagic = 0x324c4553 // "SEL2"
const sealMagicVersion1 = 0x314c4553 // "SEL1"
export const sealBytes = 64
const sealBytesVersion1 = 48

export type FileHeader = {
  readonly batchId: string
  readonly destination: Destination
  /** When the batch was opened, milliseconds since 1970. */
  readonly openedAtMs: number
  /** Undefined in files of version 1: settled when queued. */
  readonly settlement?: Settlement
  /** Damaged batches of which this one has what was whole. */
  readonly replaces?: readonly string[]
}

export type FrameHeader = Omit<Frame, 'payload' | 'requests'> & {
  readonly sequence: number
  readonly payloadBytes: number
  readonly payloadCrc32: number
  readonly requestsBytes: number
  readonly requestsCrc32: number
}

/** What a whole batch holds; written at its end when it is sealed, so that opening it needs no reading of its frames. */
export type BatchSummary = {
  readonly frameCount: number
  readonly recordCount: number
  readonly rawBytes: number
  readonly payloadBytes: number
  readonly rawCrc32: number
  /** Bytes of the request slices in the frames. */
  readonly requestsBytes: number
}

/** What the end of a sealed file says. */
export type Seal = BatchSummary & {
  /**
   * When it is not 0, the last frame has no records but this many slices: those of all requests of the batch that were still remembered
   * when it was sealed. Undefined in a file that was not sealed: then they are in the frames only.
   */
  readonly keptSlices: number | undefined
  /** When the last record was received, milliseconds since 1970; undefined when nobody knows. */
  readonly lastReceivedAtMs: number | undefined
}

/** The header, and room for the sendings when there will be some. */
export function encodeFileHeader(header: FileHeader): Buffer {
  const { settlement } = header
  const version = settlement === undefined ? versionWithoutRequests : formatVersion
  return Buffer.concat([encodeHeaderJson(header, version), Buffer.alloc(slotsBytesOf(header))])
}

function slotsBytesOf({ settlement }: FileHeader): number {
  return settlement?.isExactlyOnce === true ? sendingSlotsBytes : 0
}

/** The start of every file of the journal: what it is as JSON, with its version and a checksum. */
export function encodeHeaderJson(value: object, version: number): Buffer {
  const json = Buffer.from(JSON.stringify(value))
  const prefix = Buffer.alloc(filePrefixBytes)
  fileMagic.copy(prefix, 0)
  prefix.writeUInt32LE(version, fileMagicBytes)
  prefix.writeUInt32LE(json.length, fileMagicBytes + 4)
  prefix.writeUInt32LE(crc32Of(json, crc32Of(prefix.subarray(0, fileMagicBytes + 8))), fileMagicBytes + 8)
  return Buffer.concat([prefix, json])
}

/**
 * Reads the header from the first bytes of a file. Undefined when they are damaged or too few.
 * Throws JOURNAL_VERSION_UNSUPPORTED when a newer program wrote them.
 */
export function decodeFileHeader(bytes: Buffer): { header: FileHeader; framesAt: number } | undefined {
  const found = decodeHeaderJson(bytes)
  if (found === undefined) return undefined
  const header = found.value as FileHeader
  return { header, framesAt: found.headerBytes + slotsBytesOf(header) }
}

export function decodeHeaderJson(bytes: Buffer): { value: unknown; headerBytes: number } | undefined {
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
  return { value: JSON.parse(json.toString('utf8')), headerBytes: filePrefixBytes + jsonBytes }
}

/** Enough bytes from the start of a file to decode any header. */
export const fileHeaderReadBytes = filePrefixBytes + fileHeaderMaxBytes

export function encodeFrameHeader(frame: Frame, requests: Buffer, sequence: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32LE(frameMagic, 0)
  header.writeUInt32LE(sequence, 4)
  header.writeUInt32LE(frame.recordCount, 8)
  header.writeUInt32LE(frame.rawBytes, 12)
  header.writeUInt32LE(frame.rawCrc32, 16)
  header.writeUInt32LE(frame.payload.length, 20)
  header.writeUInt32LE(crc32Of(frame.payload), 24)
  header.writeUInt32LE(requests.length, 28)
  header.writeUInt32LE(requests.length === 0 ? 0 : crc32Of(requests), 32)
  header.writeUInt32LE(crc32Of(header.subarray(0, 36)), 36)
  return header
}

/** Undefined when the bytes are not a whole frame header. */
export function decodeFrameHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes || bytes.readUInt32LE(0) !== frameMagic) return undefined
  if (bytes.readUInt32LE(36) !== crc32Of(bytes.subarray(0, 36))) return undefined
  const payloadBytes = bytes.readUInt32LE(20)
  const requestsBytes = bytes.readUInt32LE(28)
  if (payloadBytes > framePayloadMaxBytes || requestsBytes > framePayloadMaxBytes) return undefined
  return {
    sequence: bytes.readUInt32LE(4),
    recordCount: bytes.readUInt32LE(8),
    rawBytes: bytes.readUInt32LE(12),
    rawCrc32: bytes.readUInt32LE(16),
    payloadBytes,
    payloadCrc32: bytes.readUInt32LE(24),
    requestsBytes,
    requestsCrc32: bytes.readUInt32LE(32),
  }
}

/** Bytes of a frame in the file. */
export function frameBytesOf({
  payloadBytes,
  requestsBytes,
}: Pick<FrameHeader, 'payloadBytes' | 'requestsBytes'>): number {
  return frameHeaderBytes + payloadBytes + requestsBytes
}

export function encodeSeal(seal: Seal): Buffer {
  const bytes = Buffer.alloc(sealBytes)
  bytes.writeUInt32LE(sealMagic, 0)
  writeCounts(bytes, seal)
  bytes.writeUInt32LE(seal.keptSlices ?? 0, 36)
  bytes.writeBigUInt64LE(BigInt(seal.requestsBytes), 40)
  bytes.writeDoubleLE(seal.lastReceivedAtMs ?? 0, 48)
  bytes.writeUInt32LE(crc32Of(bytes.subarray(0, 60)), 60)
  return bytes
}

/** As version 1 wrote it, for files without requests. */
export function encodeSealVersion1(summary: BatchSummary): Buffer {
  const bytes = Buffer.alloc(sealBytesVersion1)
  bytes.writeUInt32LE(sealMagicVersion1, 0)
  writeCounts(bytes, summary)
  bytes.writeUInt32LE(crc32Of(bytes.subarray(0, 44)), 44)
  return bytes
}

/** The seal at the end of these bytes; undefined when there is none. */
export function decodeSeal(end: Buffer): { seal: Seal; bytesCount: number } | undefined {
  const bytes = end.subarray(-sealBytes)
  if (bytes.length === sealBytes && bytes.readUInt32LE(0) === sealMagic) {
    if (bytes.readUInt32LE(60) !== crc32Of(bytes.subarray(0, 60))) return undefined
    const seal = {
      ...readCounts(bytes),
      keptSlices: bytes.readUInt32LE(36),
      requestsBytes: Number(bytes.readBigUInt64LE(40)),
      lastReceivedAtMs: bytes.readDoubleLE(48),
    }
    return { seal, bytesCount: sealBytes }
  }
  return decodeSealVersion1(end.subarray(-sealBytesVersion1))
}

/** For the bytes at the end of a file: a seal whose writing was cut short. */
export function startsLikeSeal(bytes: Buffer): boolean {
  return [sealMagic, sealMagicVersion1].includes(bytes.readUInt32LE(0))
}

function decodeSealVersion1(bytes: Buffer): { seal: Seal; bytesCount: number } | undefined {
  if (bytes.length !== sealBytesVersion1 || bytes.readUInt32LE(0) !== sealMagicVersion1) return undefined
  if (bytes.readUInt32LE(44) !== crc32Of(bytes.subarray(0, 44))) return undefined
  const none = { keptSlices: 0, requestsBytes: 0, lastReceivedAtMs: undefined }
  return { seal: { ...readCounts(bytes), ...none }, bytesCount: sealBytesVersion1 }
}

type Counts = Omit<BatchSummary, 'requestsBytes'>

function writeCounts(bytes: Buffer, counts: Counts): void {
  bytes.writeUInt32LE(counts.frameCount, 4)
  bytes.writeBigUInt64LE(BigInt(counts.recordCount), 8)
  bytes.writeBigUInt64LE(BigInt(counts.rawBytes), 16)
  bytes.writeBigUInt64LE(BigInt(counts.payloadBytes), 24)
  bytes.writeUInt32LE(counts.rawCrc32, 32)
}

function readCounts(bytes: Buffer): Counts {
  return {
    frameCount: bytes.readUInt32LE(4),
    recordCount: Number(bytes.readBigUInt64LE(8)),
    rawBytes: Number(bytes.readBigUInt64LE(16)),
    payloadBytes: Number(bytes.readBigUInt64LE(24)),
    rawCrc32: bytes.readUInt32LE(32),
  }
}
