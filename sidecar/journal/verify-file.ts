/**
 * Reads a file of the journal whole, checks every checksum and every record count in it, and says what is wrong as a person wants to
 * know it. Only reads, in bounded memory.
 */
import type { File } from '../core/ports.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { checkContent } from './check-content.ts'
import { readHeader, readSlots } from './file-ends.ts'
import {
  content,
  corruption,
  cutAtBirth,
  damage,
  damagedHeader,
  noSeal,
  note,
  setAside,
  tornTail,
  type Circumstances,
  type Counts,
  type Finding,
} from './finding.ts'
import {
  decodeHeaderJson,
  decodeSeal,
  fileHeaderReadBytes,
  frameBytesOf,
  sealBytes,
  type BatchSummary,
} from './format.ts'
import type { ListedFile } from './list-journal.ts'
import { isBareHeader } from './recovery.ts'
import { framesFrom, isCutShort, wholeFramesAfter } from './scan.ts'
import { brokenSlots } from './sending-slots.ts'
import { addFrame, emptySummary } from './summary.ts'

export type VerifiedFile = ListedFile &
  Counts & {
    readonly fileBytes: number
    readonly findings: readonly Finding[]
  }

type Checked = Counts & { readonly findings: readonly Finding[] }

/** `isRunning`: a sidecar may be writing the file meanwhile. Rejects as the file does when it cannot be read. */
export async function verifyFile(file: File, listed: ListedFile, isRunning: boolean): Promise<VerifiedFile> {
  // Before anything is read: what a sidecar adds meanwhile is then no damage.
  const fileBytes = await file.size()
  const { kind } = listed
  try {
    const checked =
      kind === 'keys'
        ? await verifyKeys(file, fileBytes, isRunning)
        : await verifyBatch(file, fileBytes, { kind, isRunning })
    return { ...listed, fileBytes, ...checked }
  } catch (error) {
    if (codeOf(error) !== 'JOURNAL_VERSION_UNSUPPORTED') throw error
    return { ...listed, fileBytes, ...nothing(damage('newer-version', messageOf(error))) }
  }
}

async function verifyBatch(file: File, fileBytes: number, circumstances: Circumstances): Promise<Checked> {
  const start = await readHeader(file)
  if (start === undefined) return withoutHeader(file, fileBytes, circumstances)
  const { header, framesAt } = start
  if (fileBytes < framesAt) return nothing(cutAtBirth(circumstances))
  const { kind, isRunning } = circumstances
  const isExactlyOnce = header.settlement?.isExactlyOnce === true
  const slots = isExactlyOnce ? slotFindings(await readSlots(file, framesAt)) : []
  const { summary, position, findings } = await verifyFrames(file, framesAt)
  findings.push(...slots)
  const seal = await sealAt(file, position, fileBytes)
  const isEnd = position >= fileBytes
  if (isEnd || (seal !== undefined && isSame(seal, summary))) {
    if (kind === 'corrupt' && findings.length === 0) findings.push(setAside())
    if (kind === 'sealed' && isEnd) findings.push(noSeal())
    return { ...countsOf(summary), findings }
  }
  const isCut = await isTorn(file, position, fileBytes)
  // A sealed file was synced whole, so it cannot be torn.
  if (isCut && kind === 'open') {
    findings.push(tornTail(fileBytes - position, isExactlyOnce, isRunning))
    return { ...countsOf(summary), findings }
  }
  const after = await countFrames(file, position + 1, fileBytes)
  findings.push(corruption(circumstances, { position, fileBytes, isCut }, countsOf(summary), after))
  return {
    frameCount: summary.frameCount + after.frameCount,
    recordCount: summary.recordCount + after.recordCount,
    findings,
  }
}

/** The whole frames from `framesAt` on, and where they end. */
async function verifyFrames(file: File, framesAt: number) {
  let summary = emptySummary
  let position = framesAt
  const findings: Finding[] = []
  for await (const frame of framesFrom(file, framesAt)) {
    const { sequence } = frame.header
    if (sequence !== summary.frameCount) break
    const problem = await checkContent(file, frame)
    // The first says it all: it is no damage of the disk but a mistake of the writer.
    if (problem !== undefined && findings.length === 0) findings.push(content(sequence, position, problem))
    summary = addFrame(summary, frame.header)
    position += frameBytesOf(frame.header)
  }
  return { summary, position, findings }
}

async function withoutHeader(file: File, fileBytes: number, circumstances: Circumstances): Promise<Checked> {
  const whole = await countFrames(file, 0, fileBytes)
  const isBare = circumstances.kind === 'open' && (await isBareHeader(file, fileBytes))
  if (isBare && whole.frameCount === 0) return nothing(cutAtBirth(circumstances))
  return { ...whole, findings: [damagedHeader(circumstances, whole)] }
}

async function verifyKeys(file: File, fileBytes: number, isRunning: boolean): Promise<Checked> {
  const start = Buffer.alloc(fileHeaderReadBytes)
  const header = decodeHeaderJson(start.subarray(0, await file.read(start, 0)))
  const { summary, position } = await verifyFrames(file, header?.headerBytes ?? 0)
  const { frameCount } = summary
  if (position >= fileBytes) return { frameCount, recordCount: 0, findings: [] }
  const isCut = await isTorn(file, position, fileBytes)
  return { frameCount, recordCount: 0, findings: [keysFinding(position, isCut, isRunning)] }
}

function keysFinding(position: number, isCut: boolean, isRunning: boolean): Finding {
  if (!isCut) {
    return damage(
      'corruption',
      `The file is damaged at byte ${position}. No record is lost, but requests that it names may be stored again when they are sent again.`,
    )
  }
  if (isRunning) return note('being-written', 'A frame is being written.')
  return note(
    'torn-tail',
    'A torn tail: the process or the machine died in the middle of a write. The batch whose requests it would name was not removed.',
  )
}

async function countFrames(file: File, from: number, fileBytes: number): Promise<Counts> {
  let [frameCount, recordCount] = [0, 0]
  for await (const { header } of wholeFramesAfter(file, from, fileBytes)) {
    frameCount += 1
    recordCount += header.recordCount
  }
  return { frameCount, recordCount }
}

/** Whether the rest of the file is what a write leaves that was cut short. */
async function isTorn(file: File, position: number, fileBytes: number): Promise<boolean> {
  const after = await countFrames(file, position + 1, fileBytes)
  return after.frameCount === 0 && isCutShort(file, position, fileBytes)
}

/** The seal that is all there is from `position` on. */
async function sealAt(file: File, position: number, fileBytes: number): Promise<BatchSummary | undefined> {
  const rest = Buffer.alloc(Math.max(0, Math.min(sealBytes, fileBytes - position)))
  await file.read(rest, fileBytes - rest.length)
  const found = decodeSeal(rest)
  return found?.bytesCount === fileBytes - position ? found.seal : undefined
}

function isSame(seal: BatchSummary, frames: BatchSummary): boolean {
  return (Object.keys(frames) as (keyof BatchSummary)[]).every((key) => seal[key] === frames[key])
}

function slotFindings(slots: Buffer): Finding[] {
  const broken = brokenSlots(slots)
  if (broken === 0) return []
  if (broken === 1) {
    return [
      note(
        'sending',
        'The note of a sending was cut short by a crash. Its message was not sent; the note before it counts.',
      ),
    ]
  }
  return [
    damage(
      'sending',
      'Both notes of what was sent for the batch are damaged. The sidecar takes it for a batch that was never sent and sends it; its tag makes Kusto skip it where it is there already.',
    ),
  ]
}

function countsOf({ frameCount, recordCount }: BatchSummary): Counts {
  return { frameCount, recordCount }
}

function nothing(finding: Finding): Checked {
  return { frameCount: 0, recordCount: 0, findings: [finding] }
}
