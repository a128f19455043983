import type { FileSystem } from '../core/ports.ts'
import { messageOf } from '../core/errors.ts'
import { damage, note, type Finding } from '../journal/finding.ts'
import { type ListedFile, withFile } from '../journal/list-journal.ts'
import { type VerifiedFile, verifyFile } from '../journal/verify-file.ts'
import { type CommandContext, counted } from './context.ts'
import { type JournalPlace, placeJson, placeText } from './journal-place.ts'
import { oneLine, safeJson } from './terminal-text.ts'

/** A file of which there is something to say. */
type Told = { readonly name: string; readonly findings: readonly Finding[] }

/** Of frames and records: those that are whole. */
type Totals = { files: number; frames: number; records: number; bytes: number }

/** Reads every file and prints what is wrong. Resolves with the exit code. */
export async function verifyJournal(place: JournalPlace, context: CommandContext): Promise<number> {
  const { listing } = place
  const told: Told[] = aboutDirectory(place)
  const totals: Totals = { files: 0, frames: 0, records: 0, bytes: 0 }
  for (const listed of listing.files) {
    const verified = await verify(context.fileSystem, place, listed)
    if (verified === undefined) continue
    totals.files += 1
    totals.frames += verified.frameCount
    totals.records += verified.recordCount
    totals.bytes += verified.fileBytes
    if (verified.findings.length > 0) told.push(verified)
  }
  const damagedCount = told.filter(isDamaged).length
  await context.write(place.json ? json(place, told, totals) : text(place, told, totals, damagedCount))
  return damagedCount === 0 ? 0 : 1
}

/** Undefined when the file went away, as settled batches do. */
async function verify(
  fileSystem: FileSystem,
  { directory, listing }: JournalPlace,
  listed: ListedFile,
): Promise<VerifiedFile | undefined> {
  const isRunning = listing.isRunning !== false
  const once = () =>
    withFile(fileSystem, directory, listed, (file, found) => verifyFile(file, found, isRunning)).catch(
      (error: unknown): VerifiedFile => {
        const findings = [damage('unreadable', `The file cannot be read: ${messageOf(error)}.`)]
        return { ...listed, fileBytes: 0, frameCount: 0, recordCount: 0, findings }
      },
    )
  const verified = await once()
  // What is written, cut back or removed at this moment can look damaged; what is damaged does so twice.
  return verified !== undefined && isRunning && isDamaged(verified) ? once() : verified
}

function aboutDirectory({ listing }: JournalPlace): Told[] {
  const { writer, writerProblem, leftovers, foreign, isRunning } = listing
  const told: Told[] = []
  if (writerProblem !== undefined) {
    const name = 'writer.json'
    told.push({
      name,
      findings: [damage('unreadable', `${writerProblem} The sidecar does not start until then.`)],
    })
  }
  if (writer?.isCopy === true) {
    const copied =
      'The directory is a copy of another one: its next start makes a new writer id, or refuses when there is an open batch of exactly-once (JOURNAL_COPIED).'
    told.push({ name: 'writer.json', findings: [note('copy', copied)] })
  }
  // Those of a running sidecar may be of use.
  if (isRunning === false) {
    for (const name of leftovers)
      told.push({
        name,
        findings: [note('leftover', 'Left by a start that was cut short. It does no harm.')],
      })
  }
  for (const name of foreign)
    told.push({
      name,
      findings: [note('foreign', 'This is no file of a journal. The sidecar leaves it alone.')],
    })
  return told
}

function isDamaged({ findings }: Told): boolean {
  return findings.some((finding) => finding.isDamage)
}

function json(place: JournalPlace, told: readonly Told[], totals: Totals): string {
  const files = told.map(({ name, findings }) => ({ name, findings }))
  return `${safeJson({ ...placeJson(place), isWhole: !told.some(isDamaged), totals, files })}\n`
}

function text(place: JournalPlace, told: readonly Told[], totals: Totals, damagedCount: number): string {
  const { files, frames, records, bytes } = totals
  const read = `${counted(files, 'file')} with ${counted(bytes, 'byte')}: ${counted(records, 'record')} in ${counted(frames, 'frame')} are whole.`
  const verdict = damagedCount === 0 ? 'Nothing is damaged.' : `${counted(damagedCount, 'file')} damaged.`
  const about = told.flatMap(({ name, findings }) => [
    '',
    oneLine(name),
    ...findings.map(({ isDamage, text: what }) => `  ${isDamage ? 'DAMAGE' : 'note'}  ${oneLine(what)}`),
  ])
  return [placeText(place), ...about, '', `${read} ${verdict}`, ''].join('\n')
}
