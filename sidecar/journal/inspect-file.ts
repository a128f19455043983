/** What a file of the journal holds, for a person. Only an open file, which has no seal yet, is read whole. */
import type { File, Sending } from '../core/ports.ts'
import type { Destination } from '../core/destination.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { settledWhenQueued, type Settlement } from '../core/settlement.ts'
import { readHeader, readSeal, readSending } from './file-ends.ts'
import type { ListedFile } from './list-journal.ts'
import { decodeHeaderJson, fileHeaderReadBytes, type BatchSummary } from './format.ts'
import { framesFrom } from './scan.ts'
import { addFrame, emptySummary } from './summary.ts'

export type InspectedFile = ListedFile & {
  readonly fileBytes: number
  /** How many requests a `.keys` file remembers. */
  readonly requestCount?: number
  readonly batch?: InspectedBatch
  /** Why nothing is known of it. */
  readonly problem?: string
}

export type InspectedBatch = {
  readonly id: string
  readonly destination: Destination
  readonly settlement: Settlement
  readonly openedAtMs: number
  /** Of a damaged file: what is whole before the damage. */
  readonly recordCount: number
  readonly rawBytes: number
  readonly compressedBytes: number
  readonly sending: Sending | undefined
}

/** Never rejects for what is in the file; rejects as the file does when it cannot be read. */
export async function inspectFile(file: File, listed: ListedFile): Promise<InspectedFile> {
  const fileBytes = await file.size()
  if (listed.kind === 'keys') return { ...listed, fileBytes, ...(await inspectKeys(file)) }
  try {
    const start = await readHeader(file)
    if (start === undefined) return { ...listed, fileBytes, problem: 'its header is not whole' }
    const { header, framesAt } = start
    const seal = fileBytes < framesAt ? undefined : await readSeal(file, framesAt, fileBytes)
    const { recordCount, rawBytes, payloadBytes } = seal ?? (await sumUp(file, framesAt))
    const settlement = header.settlement ?? settledWhenQueued
    const batch = {
      id: header.batchId,
      destination: header.destination,
      settlement,
      openedAtMs: header.openedAtMs,
      recordCount,
      rawBytes,
      compressedBytes: payloadBytes,
      sending: settlement.isExactlyOnce ? await readSending(file, framesAt) : undefined,
    }
    return { ...listed, fileBytes, batch }
  } catch (error) {
    if (codeOf(error) !== 'JOURNAL_VERSION_UNSUPPORTED') throw error
    return { ...listed, fileBytes, problem: messageOf(error) }
  }
}

async function inspectKeys(file: File): Promise<{ requestCount: number } | { problem: string }> {
  const start = Buffer.alloc(fileHeaderReadBytes)
  try {
    const header = decodeHeaderJson(start.subarray(0, await file.read(start, 0)))
    let requestCount = 0
    if (header === undefined) return { requestCount }
    for await (const { requests } of framesFrom(file, header.headerBytes)) requestCount += requests.length
    return { requestCount }
  } catch (error) {
    if (codeOf(error) !== 'JOURNAL_VERSION_UNSUPPORTED') throw error
    return { problem: messageOf(error) }
  }
}

async function sumUp(file: File, framesAt: number): Promise<BatchSummary> {
  let summary = emptySummary
  for await (const { header } of framesFrom(file, framesAt)) {
    if (header.sequence !== summary.frameCount) break
    summary = addFrame(summary, header)
  }
  return summary
}
