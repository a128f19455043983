/** Turns what an earlier process left in the directory into sealed batches; the rules are in FORMAT.md. */
import type { File, FileSystem, Sending } from '../core/ports.ts'
import { crc32Of } from '../core/gzip-member.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { Semaphore } from '../core/semaphore.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { corruptSuffix, isBatchFile, openSuffix, sealedSuffix } from './file-names.ts'
import type { FileHeader, Seal } from './format.ts'
import type { DiskOpenBatch } from './open-batch.ts'
import { openIfThere, readHeader, readSeal, readSending } from './file-ends.ts'
import { framesFrom, scanFrames, type FramePlace, type ScanResult } from './scan.ts'
import type { BatchPlace, DiskBatch } from './sealed-batch.ts'
import { sendingSlotsBytes } from './sending-slots.ts'

/** What recovery needs of the store. */
export type RecoveryOwner = {
  readonly fileSystem: FileSystem
  /** The directory is a copy of another one. */
  readonly isCopy: boolean
  /** A batch for what is whole in a damaged file with this header. */
  openInPlaceOf(damaged: FileHeader): Promise<DiskOpenBatch>
  /** No record is delivered under the id of this file; `header` is undefined when it cannot be read. */
  foundVoid(path: string, header: FileHeader | undefined, wasEmpty: boolean): Promise<void>
  adopt(place: BatchPlace): Promise<DiskBatch>
}

/** A batch, and what is in it of requests if that is known already. */
export type RecoveredBatch = { readonly batch: DiskBatch; readonly requests?: readonly RequestSlice[] }

/** The header of a usual destination is under this; larger files without a readable header held frames, unless the rest is the empty room for sendings. */
const bareHeaderMaxBytes = 4096

type Reporting = { readonly log: Log; readonly metrics: Metrics }

/** The batches in the directory, oldest first. A file that cannot be understood is set aside, never deleted. */
export async function recoverDirectory(
  owner: RecoveryOwner,
  { directory, log, metrics }: Reporting & { directory: string },
): Promise<RecoveredBatch[]> {
  const names = (await owner.fileSystem.list(directory)).filter(isBatchFile).sort()
  const places = new Semaphore(limits.filesRecoveredAtOnce)
  const batches = await Promise.all(
    names.map((name) => places.run(() => recoverOrLeave(owner, `${directory}/${name}`, { log, metrics }))),
  )
  return batches.filter((batch) => batch !== undefined)
}

/** A file that cannot be recovered now (its disk, its permissions, no room for a repair) waits for the next start, loudly. */
async function recoverOrLeave(
  owner: RecoveryOwner,
  path: string,
  reporting: Reporting,
): Promise<RecoveredBatch | undefined> {
  try {
    return await recoverFile(owner, path, reporting)
  } catch (error) {
    if (error instanceof SidecarError && error.disposition === 'fatal') throw error
    reporting.metrics.journalErrors.inc({ code: 'JOURNAL_READ_FAILED' })
    reporting.log.error(
      { event: 'journal.file_left', path, code: 'JOURNAL_READ_FAILED' },
      `A journal file cannot be recovered now: ${messageOf(error)}. It stays, and is tried again at the next start.`,
    )
    return undefined
  }
}

async function recoverFile(
  owner: RecoveryOwner,
  path: string,
  reporting: Reporting,
): Promise<RecoveredBatch | undefined> {
  const file = await owner.fileSystem.open(path, 'update')
  let found: Examined
  let sending: Sending | undefined
  try {
    found = await examine(file, path.endsWith(sealedSuffix))
    if (found.kind === 'torn') await file.truncate(found.scan.wholeUntil)
    if (path.endsWith(openSuffix)) await makeDurable(file)
    if ('framesAt' in found && found.header.settlement?.isExactlyOnce === true) {
      sending = await readSending(file, found.framesAt)
    }
  } finally {
    await file.close()
  }
  switch (found.kind) {
    case 'sealed': {
      const { header, framesAt, fileBytes, seal: summary } = found
      const batch = await owner.adopt({ path, fileBytes, framesAt, header, summary, sending })
      return { batch }
    }
    case 'torn': {
      const { header, framesAt, scan } = found
      reportTorn(path, scan, reporting)
      if (owner.isCopy && path.endsWith(openSuffix)) return recoverAsCopy(owner, path)
      const summary = { ...scan.summary, keptSlices: undefined, lastReceivedAtMs: undefined }
      const batch = await owner.adopt({
        path,
        fileBytes: scan.wholeUntil,
        framesAt,
        header,
        summary,
        sending,
      })
      return { batch, requests: scan.requests }
    }
    case 'empty':
      reportTorn(path, { restBytes: found.fileBytes, summary: undefined }, reporting)
      await owner.foundVoid(path, found.header, true)
      return undefined
    case 'corrupt': {
      const batch = await repairFile(owner, path, reporting)
      if (batch !== undefined) return { batch }
      await owner.foundVoid(path, found.header, false)
      return undefined
    }
  }
}

/** What the batches hold of requests, the newest first and not more than can be remembered, so that a large journal needs no more memory than that. */
export async function slicesOf(
  found: readonly RecoveredBatch[],
  maxSlices: number,
): Promise<readonly RequestSlice[]> {
  const slices: RequestSlice[] = []
  for (const { batch, requests } of found.toReversed()) {
    if (slices.length >= maxSlices) break
    for (const slice of requests ?? (await batch.slices())) slices.push(slice)
  }
  return slices
}

/** Of a directory that is a copy, an open batch gets an id of its own: where it was copied from, that id may name other records by now. */
async function recoverAsCopy(owner: RecoveryOwner, path: string): Promise<RecoveredBatch | undefined> {
  const file = await owner.fileSystem.open(path, 'read')
  const batch = await copyWholeFrames(owner, file).finally(() => file.close())
  await owner.fileSystem.remove(path)
  return batch && { batch }
}

/**
 * What an earlier process wrote may not be synced, and after a failed sync the kernel takes pages for clean that never reached the
 * disk: a sync alone would then do nothing. So the bytes are written once more. Otherwise a power cut could shorten a batch
 * that has been uploaded, and its id would name two contents.
 */
async function makeDurable(file: File): Promise<void> {
  const chunk = Buffer.alloc(limits.readChunkBytes)
  let position = 0
  for (;;) {
    const bytesRead = await file.read(chunk, position)
    if (bytesRead === 0) break
    await file.write([chunk.subarray(0, bytesRead)], position)
    position += bytesRead
  }
  await file.sync()
}

type Examined =
  | { kind: 'sealed'; header: FileHeader; framesAt: number; fileBytes: number; seal: Seal }
  | { kind: 'torn'; header: FileHeader; framesAt: number; scan: ScanResult }
  | { kind: 'empty'; header: FileHeader | undefined; fileBytes: number }
  | { kind: 'corrupt'; header: FileHeader | undefined }

async function examine(file: File, isSealed: boolean): Promise<Examined> {
  const fileBytes = await file.size()
  const start = await readHeader(file)
  if (start === undefined) {
    // A header that was cut short is all there is in its file.
    const isBare = !isSealed && (await isBareHeader(file, fileBytes))
    const holdsFrames = !isBare || (await scanFrames(file, 0, fileBytes)).afterDamage.length > 0
    return holdsFrames
      ? { kind: 'corrupt', header: undefined }
      : { kind: 'empty', header: undefined, fileBytes }
  }
  const { header, framesAt } = start
  // The room for sendings was not all made.
  if (fileBytes < framesAt) return { kind: 'empty', header, fileBytes }
  const seal = await readSeal(file, framesAt, fileBytes)
  if (seal !== undefined) return { kind: 'sealed', header, framesAt, fileBytes, seal }
  const scan = await scanFrames(file, framesAt, fileBytes)
  // A sealed file was synced whole, so it cannot be torn.
  const isWhole = scan.restBytes === 0 || (scan.isTorn && !isSealed)
  if (!isWhole) return { kind: 'corrupt', header }
  if (scan.summary.frameCount === 0) return { kind: 'empty', header, fileBytes }
  return { kind: 'torn', header, framesAt, scan }
}

/** Whether a file without a readable header can only be one whose making was cut short. */
export async function isBareHeader(file: File, fileBytes: number): Promise<boolean> {
  if (fileBytes < bareHeaderMaxBytes) return true
  if (fileBytes > bareHeaderMaxBytes + sendingSlotsBytes) return false
  const rest = Buffer.alloc(fileBytes - bareHeaderMaxBytes)
  await file.read(rest, bareHeaderMaxBytes)
  return rest.every((byte) => byte === 0)
}

/**
 * Copies the whole frames of a damaged file into a new batch and renames the file to `.corrupt`. Without a readable header
 * nobody knows where the frames belong: then the file is only set aside.
 */
export async function repairFile(
  owner: RecoveryOwner,
  path: string,
  { log, metrics }: Reporting,
): Promise<DiskBatch | undefined> {
  metrics.journalErrors.inc({ code: 'JOURNAL_CORRUPT' })
  const file = await openIfThere(owner.fileSystem, path)
  if (file === undefined) {
    log.error(
      { event: 'journal.file_lost', path, code: 'JOURNAL_CORRUPT' },
      'A journal file is gone; its records are lost.',
    )
    return undefined
  }
  let batch: DiskBatch | undefined
  try {
    batch = await copyWholeFrames(owner, file)
  } finally {
    await file.close()
  }
  try {
    await owner.fileSystem.rename(path, path + corruptSuffix)
  } catch (error) {
    // Otherwise the next attempt would make another copy.
    await batch?.remove()
    throw error
  }
  const recordCount = batch?.recordCount ?? 0
  log.error(
    { event: 'journal.file_damaged', path: path + corruptSuffix, recordCount, code: 'JOURNAL_CORRUPT' },
    `A journal file was damaged on the disk. ${recordCount} records in it were whole and will be delivered; the file is kept.`,
  )
  return batch
}

/** Undefined when the file has no readable header or no whole frame. Leaves no half-made batch behind when it fails. */
async function copyWholeFrames(owner: RecoveryOwner, file: File): Promise<DiskBatch | undefined> {
  const start = await readHeader(file)
  if (start === undefined) return undefined
  const { header, framesAt } = start
  const scan = await scanFrames(file, framesAt, await file.size())
  const copy = await owner.openInPlaceOf(header)
  try {
    for await (const place of framesFrom(file, framesAt)) {
      if (place.header.sequence !== copy.summary.frameCount) break
      await copyFrame(file, place, copy)
    }
    for (const place of scan.afterDamage) await copyFrame(file, place, copy)
    return await copy.seal()
  } catch (error) {
    await copy.discard()
    throw error
  }
}

/** Frames that can no longer be read are left out: their bytes stay in the damaged file. */
async function copyFrame(
  file: File,
  { header, payloadAt, requests }: FramePlace,
  to: DiskOpenBatch,
): Promise<void> {
  // What was kept for after the settlement is in the other frames too.
  if (header.recordCount === 0) return
  const payload = Buffer.alloc(header.payloadBytes)
  const bytesRead = await file.read(payload, payloadAt)
  if (bytesRead !== payload.length || crc32Of(payload) !== header.payloadCrc32) return
  const { recordCount, rawBytes, rawCrc32 } = header
  await to.append({
    recordCount,
    rawBytes,
    rawCrc32,
    payload,
    requests: to.header.settlement === undefined ? [] : requests,
  })
}

function reportTorn(
  path: string,
  { restBytes: tornBytes, summary }: { restBytes: number; summary: ScanResult['summary'] | undefined },
  { log, metrics }: Reporting,
): void {
  if (tornBytes > 0) metrics.journalTornBytes.inc(tornBytes)
  log.info(
    { event: 'journal.file_recovered', path, tornBytes, recordCount: summary?.recordCount ?? 0 },
    'An open batch of an earlier process was recovered.',
  )
}
