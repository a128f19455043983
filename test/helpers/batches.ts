import { deflateRawSync, constants, gunzipSync } from 'node:zlib'
import type { Destination, Target } from '../../sidecar/core/destination.ts'
import type { Frame, SealedBatch } from '../../sidecar/core/ports.ts'
import { settledWhenQueued } from '../../sidecar/core/settlement.ts'
import type { RecordSettings } from '../../sidecar/core/record-settings.ts'
import type { RecordBlock } from '../../sidecar/core/record-block.ts'
import { crc32Of } from '../../sidecar/core/gzip-member.ts'

export function aDestination(overrides: Partial<Destination> = {}): Destination {
  return {
    database: 'Logs',
    table: 'App',
    flushImmediately: false,
    additionalTags: [],
    dropByTags: [],
    ...overrides,
  }
}

/** The defaults of `records`. */
export function someRecordSettings(overrides: Partial<RecordSettings> = {}): RecordSettings {
  return {
    shape: 'as_is',
    timeKey: 'timestamp',
    tagKey: 'tag',
    logKey: 'log',
    dateKey: 'date',
    dateFormat: 'as_is',
    add: [],
    wrapText: 'content_type',
    textKey: 'message',
    oversizedValues: 'dead_letter',
    ...overrides,
  }
}

export function aTarget(
  overrides: {
    destination?: Partial<Destination>
    limits?: Partial<Target['limits']>
    guarantee?: Target['guarantee']
    settlement?: Partial<Target['settlement']>
  } = {},
): Target {
  return {
    destination: aDestination(overrides.destination),
    limits: { batchIntervalMs: 30_000, batchSize: 1_000, maxRawBytes: 300_000_000, ...overrides.limits },
    guarantee: overrides.guarantee ?? 'at_least_once',
    settlement: { ...settledWhenQueued, ...overrides.settlement },
    records: someRecordSettings(),
  }
}

/** A block of these records; texts must hold no newline. */
export function aBlock(records: readonly string[]): RecordBlock {
  let end = 0
  const ends = records.map((record) => (end += Buffer.byteLength(record) + 1))
  return { bytes: Buffer.from(records.map((record) => `${record}\n`).join('')), ends: Uint32Array.from(ends) }
}

export function aFrame(records: readonly string[]): Frame {
  const { bytes } = aBlock(records)
  const payload = deflateRawSync(bytes, { level: 1, finishFlush: constants.Z_SYNC_FLUSH })
  return {
    recordCount: records.length,
    rawBytes: bytes.length,
    rawCrc32: crc32Of(bytes),
    payload,
    requests: [],
  }
}

export async function blobOf(batch: Pick<SealedBatch, 'read'>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of batch.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** The records of a batch, read as Kusto would: gunzip, one record a line. */
export async function recordsOf(batch: Pick<SealedBatch, 'read'>): Promise<string[]> {
  return linesOf(await blobOf(batch))
}

export function linesOf(gzip: Buffer): string[] {
  const lines = gunzipSync(gzip).toString('utf8').split('\n')
  if (lines.pop() !== '') throw new Error('the last record of a blob has no newline')
  return lines
}
