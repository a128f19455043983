/** Turns what an earlier process left in the directory into sealed batches; the rules are in FORMAT.md. */
import type { File, FileSystem } from '../core/ports.ts'
import type { Destination } from '../core/destination.ts'
import { crc32Of } from '../core/gzip-member.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { Semaphore } from '../core/semaphore.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { corruptSuffix, isBatchFile, openSuffix, sealedSuffix } from './file-names.ts'
import {
  decodeFileHeader,
  decodeSeal,
  fileHeaderReadBytes,
  frameHeaderBytes,
  sealBytes,
  type BatchSummary,
  type FileHeader,
} from './format.ts'
import type { DiskOpenBatch } from './open-batch.ts'
import { framesFrom, scanFrames, type FramePlace, type ScanResult } from './scan.ts'
import type { DiskBatch } from './sealed-batch.ts'

/** What recovery needs of the store. */
export type RecoveryOwner = {
  readonly fileSystem: FileSystem
  open(destination: Destination): Promise<DiskOpenBatch>
  adopt(
    path: string,
    fileBytes: number,
    framesAt: number,
    header: FileHeader,
    summary: BatchSummary,
  ): Promise<DiskBatch>
}

/** The header of a usual destination is under this; larger files without a readable header held frames. */
const bareHeaderMaxBytes = 4096

type Reporting = { readonly log: Log; readonly metrics: Metrics }

/** The batches in the directory, oldest first. A file that cannot be understood is set aside, never deleted. */
export async function recoverDirectory(
  owner: RecoveryOwner,
  { directory, log, metrics }: Reporting & { directory: string },
): Promise<DiskBatch[]> {
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
): Promise<DiskBatch | undefined> {
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
): Promise<DiskBatch | undefined> {
  const file = await owner.fileSystem.open(path, 'update')
  let found: Awaited<ReturnType<typeof examine>>
  try {
    found = await examine(file, path.endsWith(sealedSuffix))
    if (found.kind === 'torn') await file.truncate(found.scan.wholeUntil)
    if (path.endsWith(openSuffix)) await makeDurable(file)
  } finally {
    await file.close()
  }
  switch (found.kind) {
    case 'sealed':
      return owner.adopt(path, found.fileBytes, found.framesAt, found.header, found.summary)
    case 'torn': {
      const { header, framesAt, scan } = found
      reportTorn(path, scan.restBytes, scan.summary, reporting)
      return owner.adopt(path, scan.wholeUntil, framesAt, header, scan.summary)
    }
    case 'empty':
      reportTorn(path, found.fileBytes, undefined, reporting)
      await owner.fileSystem.remove(path)
      return undefined
    case 'corrupt':
      return repairFile(owner, path, reporting)
  }
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
  | { kind: 'sealed'; header: FileHeader; framesAt: number; fileBytes: number; summary: BatchSummary }
  | { kind: 'torn'; header: FileHeader; framesAt: number; scan: ScanResult }
  | { kind: 'empty'; fileBytes: number }
  | { kind: 'corrupt' }

async function examine(file: File, isSealed: boolean): Promise<Examined> {
  const fileBytes = await file.size()
  const start = await readHeader(file)
  if (start === undefined) {
    // A header that was cut short is all there is in its file.
    const isBare = fileBytes < bareHeaderMaxBytes && !isSealed
    const holdsFrames = !isBare || (await scanFrames(file, 0, fileBytes)).afterDamage.length > 0
    return holdsFrames ? { kind: 'corrupt' } : { kind: 'empty', fileBytes }
  }
  const { header, headerBytes: framesAt } = start
  const sealed = await readSeal(file, framesAt, fileBytes)
  if (sealed !== undefined) return { kind: 'sealed', header, framesAt, fileBytes, summary: sealed }
  const scan = await scanFrames(file, framesAt, fileBytes)
  // A sealed file was synced whole, so it cannot be torn.
  const isWhole = scan.restBytes === 0 || (scan.isTorn && !isSealed)
  if (!isWhole) return { kind: 'corrupt' }
  if (scan.summary.frameCount === 0) return { kind: 'empty', fileBytes }
  return { kind: 'torn', header, framesAt, scan }
}

async function readHeader(file: File): Promise<{ header: FileHeader; headerBytes: number } | undefined> {
  for (const bytesCount of [4096, fileHeaderReadBytes]) {
    const buffer = Buffer.alloc(bytesCount)
    const found = decodeFileHeader(buffer.subarray(0, await file.read(buffer, 0)))
    if (found !== undefined) return found
  }
  return undefined
}

/** The summary of a sealed file, if it agrees with the length of the file. */
async function readSeal(file: File, framesAt: number, fileBytes: number): Promise<BatchSummary | undefined> {
  if (fileBytes < framesAt + sealBytes) return undefined
  const seal = Buffer.alloc(sealBytes)
  await file.read(seal, fileBytes - sealBytes)
  const summary = decodeSeal(seal)
  if (summary === undefined) return undefined
  const expected = framesAt + summary.frameCount * frameHeaderBytes + summary.payloadBytes + sealBytes
  return expected === fileBytes ? summary : undefined
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

/** Undefined only when there is no such file: one that cannot be opened for now is not lost. */
async function openIfThere(fileSystem: FileSystem, path: string): Promise<File | undefined> {
  try {
    return await fileSystem.open(path, 'read')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined when the file has no readable header or no whole frame. Leaves no half-made batch behind when it fails. */
async function copyWholeFrames(owner: RecoveryOwner, file: File): Promise<DiskBatch | undefined> {
  const start = await readHeader(file)
  if (start === undefined) return undefined
  const scan = await scanFrames(file, start.headerBytes, await file.size())
  const copy = await owner.open(start.header.destination)
  try {
    for await (const place of framesFrom(file, start.headerBytes)) {
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
async function copyFrame(file: File, { header, payloadAt }: FramePlace, to: DiskOpenBatch): Promise<void> {
  const payload = Buffer.alloc(header.payloadBytes)
  const bytesRead = await file.read(payload, payloadAt)
  if (bytesRead !== payload.length || crc32Of(payload) !== header.payloadCrc32) return
  const { recordCount, rawBytes, rawCrc32 } = header
  await to.append({ recordCount, rawBytes, rawCrc32, payload })
}

function reportTorn(
  path: string,
  tornBytes: number,
  kept: BatchSummary | undefined,
  { log, metrics }: Reporting,
): void {
  if (tornBytes > 0) metrics.journalTornBytes.inc(tornBytes)
  log.info(
    { event: 'journal.file_recovered', path, tornBytes, recordCount: kept?.recordCount ?? 0 },
    'An open batch of an earlier process was recovered.',
  )
}
