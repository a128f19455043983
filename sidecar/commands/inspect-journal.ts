import { isoTime } from '../dead-letter/iso-time.ts'
import type { Sending } from '../core/ports.ts'
import { destinationLabel } from '../core/destination.ts'
import { messageOf } from '../core/errors.ts'
import type { Settlement } from '../core/settlement.ts'
import { type InspectedBatch, type InspectedFile, inspectFile } from '../journal/inspect-file.ts'
import { withFile } from '../journal/list-journal.ts'
import { type CommandContext, counted } from './context.ts'
import { type JournalPlace, placeJson, placeText } from './journal-place.ts'
import { aligned } from './table.ts'
import { oneLine, safeJson, shortLine } from './terminal-text.ts'

/** What waits for one destination. */
type Group = {
  readonly destination: string
  batches: number
  records: number
  rawBytes: number
  compressedBytes: number
  oldestMs: number
}

/** Prints what each file holds. Resolves with the exit code. */
export async function inspectJournal(place: JournalPlace, context: CommandContext): Promise<number> {
  const { directory, listing } = place
  const files: InspectedFile[] = []
  for (const listed of listing.files) {
    const inspected = await withFile(context.fileSystem, directory, listed, inspectFile).catch(
      (error: unknown): InspectedFile => ({ ...listed, fileBytes: 0, problem: messageOf(error) }),
    )
    if (inspected !== undefined) files.push(inspected)
  }
  const groups = groupsOf(files)
  const now = context.clock.now()
  await context.write(place.json ? json(place, files, groups) : text(place, files, groups, now))
  return 0
}

/** Set aside files wait for nothing. */
function groupsOf(files: readonly InspectedFile[]): Group[] {
  const groups = new Map<string, Group>()
  for (const { kind, batch } of files) {
    if (batch === undefined || kind === 'corrupt') continue
    const destination = destinationLabel(batch.destination)
    const empty = { destination, batches: 0, records: 0, rawBytes: 0, compressedBytes: 0 }
    const group = groups.get(destination) ?? { ...empty, oldestMs: batch.openedAtMs }
    groups.set(destination, group)
    group.batches += 1
    group.records += batch.recordCount
    group.rawBytes += batch.rawBytes
    group.compressedBytes += batch.compressedBytes
    group.oldestMs = Math.min(group.oldestMs, batch.openedAtMs)
  }
  return [...groups.values()].toSorted((a, b) => b.records - a.records)
}

function totalOf(groups: readonly Group[]) {
  const sum = (key: 'batches' | 'records' | 'rawBytes' | 'compressedBytes') =>
    groups.reduce((total, group) => total + group[key], 0)
  return {
    batches: sum('batches'),
    records: sum('records'),
    rawBytes: sum('rawBytes'),
    compressedBytes: sum('compressedBytes'),
  }
}

function json(place: JournalPlace, files: readonly InspectedFile[], groups: readonly Group[]): string {
  const listed = files.map(({ name, kind, fileBytes, requestCount, batch, problem }) => ({
    name,
    state: kind,
    fileBytes,
    ...(requestCount === undefined ? {} : { requests: requestCount }),
    ...(batch === undefined ? {} : batchJson(batch)),
    ...(problem === undefined ? {} : { problem }),
  }))
  const destinations = groups.map(({ oldestMs, ...group }) => ({ ...group, oldest: isoTime(oldestMs) }))
  const total = totalOf(groups)
  return `${safeJson({ ...placeJson(place), writerProblem: place.listing.writerProblem, total, destinations, files: listed })}\n`
}

function batchJson({ id, destination, settlement, openedAtMs, sending, ...counts }: InspectedBatch): object {
  const { database, table } = destination
  return {
    batchId: id,
    database,
    table,
    guarantee: guaranteeOf(settlement),
    openedAt: isoTime(openedAtMs),
    ...counts,
    ...(sending === undefined
      ? {}
      : {
          sending: {
            number: sending.number,
            blob: blobOf(sending),
            startedAt: isoTime(sending.startedAtMs),
          },
        }),
  }
}

function text(
  place: JournalPlace,
  files: readonly InspectedFile[],
  groups: readonly Group[],
  now: number,
): string {
  const { writerProblem } = place.listing
  const bytes = files.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
  const tables =
    files.length === 0
      ? ['It is empty: nothing waits.']
      : [...filesTable(files, now), '', ...(groups.length === 0 ? [] : [...groupsTable(groups, now), ''])]
  const size = files.length === 0 ? [] : [`${counted(files.length, 'file')} with ${counted(bytes, 'byte')}`]
  const problem = writerProblem === undefined ? [] : [oneLine(writerProblem)]
  return [placeText(place), ...problem, '', ...tables, ...size, ''].join('\n')
}

function filesTable(files: readonly InspectedFile[], now: number): string[] {
  const titles = ['RECORDS', 'RAW BYTES', 'COMPRESSED', 'AGE', 'STATE', 'GUARANTEE', 'DESTINATION', 'BATCH']
  const rows = files.map((file) => {
    const { batch } = file
    const cells =
      batch === undefined
        ? ['', '', String(file.fileBytes), '', file.kind, '', '', shortLine(file.name, 80)]
        : [
            String(batch.recordCount),
            String(batch.rawBytes),
            String(batch.compressedBytes),
            ageOf(now - batch.openedAtMs),
            file.kind,
            guaranteeOf(batch.settlement),
            shortLine(destinationLabel(batch.destination), 80),
            shortLine(batch.id, 80),
          ]
    return [...cells, lastCell(file)]
  })
  return aligned([[...titles, 'LAST SENDING'], ...rows], (column) => column < 4)
}

function lastCell({ requestCount, batch, problem }: InspectedFile): string {
  if (problem !== undefined) return `unreadable: ${oneLine(problem)}`
  if (requestCount !== undefined) return `remembers ${counted(requestCount, 'request')}`
  if (batch?.sending === undefined) return ''
  const { number, startedAtMs } = batch.sending
  return `${number} at ${isoTime(startedAtMs)}: ${shortLine(blobOf(batch.sending), 300)}`
}

function groupsTable(groups: readonly Group[], now: number): string[] {
  const { batches, records, rawBytes, compressedBytes } = totalOf(groups)
  return aligned(
    [
      ['BATCHES', 'RECORDS', 'RAW BYTES', 'COMPRESSED', 'OLDEST', 'DESTINATION'],
      ...groups.map((group) => [
        String(group.batches),
        String(group.records),
        String(group.rawBytes),
        String(group.compressedBytes),
        ageOf(now - group.oldestMs),
        shortLine(group.destination, 80),
      ]),
      [String(batches), String(records), String(rawBytes), String(compressedBytes), '', 'total'],
    ],
    (column) => column < 5,
  )
}

/** `none` leaves no trace in a file, and is as at-least-once from there on. */
function guaranteeOf({ isExactlyOnce, isPolled }: Settlement): string {
  if (isExactlyOnce) return 'exactly_once'
  return isPolled ? 'at_least_once, polled' : 'at_least_once'
}

/** Host, container and name. The address has no SAS; should there ever be one, it is left out. */
function blobOf({ blob }: Sending): string {
  return blob.url.replace(/[?#].*$/s, '').replace(/^[a-z]+:\/\/(?:[^/@]*@)?/i, '')
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 2 * 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}
