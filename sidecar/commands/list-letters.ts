import type { ListCommand } from '../config/arguments.ts'
import { type LetterLine, recordBytesCount } from '../dead-letter/letter-line.ts'
import { type Reading, newReading, readLetters } from '../dead-letter/read-letters.ts'
import { type CommandContext, counted, directoryOf, filterOf } from './context.ts'
import { aligned } from './table.ts'
import { oneLine, safeJson, shortLine } from './terminal-text.ts'

/** The letters of one destination and code. */
type Group = {
  readonly destination: string
  readonly code: string
  count: number
  /** Of the records alone. */
  bytes: number
  first: string
  last: string
  readonly reason: string
}

/** Destinations can be paths that anybody asked for; what is beyond goes into one group. */
const maxGroups = 10_000
const others = { destination: '(others)', code: '(any)' }

/** Prints how many letters there are for each destination and code. Resolves with the exit code. */
export async function listLetters(command: ListCommand, context: CommandContext): Promise<number> {
  const directory = await directoryOf(command, context)
  const groups = new Map<string, Group>()
  const reading = newReading()
  for await (const { line } of readLetters(
    context.fileSystem,
    directory,
    filterOf(command.selection, context),
    reading,
  ))
    addTo(groups, line)
  const sorted = [...groups.values()].toSorted((a, b) => b.count - a.count)
  await context.write(command.json ? json(directory, sorted, reading) : table(directory, sorted, reading))
  return 0
}

function addTo(groups: Map<string, Group>, line: LetterLine): void {
  const { time, reason } = line
  const key = JSON.stringify([line.destination, line.code])
  const isBeyond = !groups.has(key) && groups.size >= maxGroups
  const { destination, code } = isBeyond ? others : line
  const place = isBeyond ? '' : key
  let group = groups.get(place)
  if (group === undefined)
    groups.set(place, (group = { destination, code, count: 0, bytes: 0, first: time, last: time, reason }))
  group.count += 1
  group.bytes += recordBytesCount(line)
  if (time < group.first) group.first = time
  if (time > group.last) group.last = time
}

function totals(groups: readonly Group[]): { count: number; bytes: number } {
  return {
    count: groups.reduce((sum, { count }) => sum + count, 0),
    bytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function json(directory: string, groups: readonly Group[], reading: Reading): string {
  const { filesCount: files, bytesCount: fileBytes, damagedLinesCount: damagedLines } = reading
  return `${safeJson({ directory, files, fileBytes, damagedLines, total: totals(groups), groups })}\n`
}

function table(directory: string, groups: readonly Group[], reading: Reading): string {
  const { count, bytes } = totals(groups)
  const rows = [
    ['LETTERS', 'BYTES', 'FIRST', 'LAST', 'CODE', 'DESTINATION', 'A REASON'],
    ...groups.map((group) => [
      String(group.count),
      String(group.bytes),
      shortLine(group.first, 30),
      shortLine(group.last, 30),
      shortLine(group.code, 40),
      shortLine(group.destination, 80),
      shortLine(group.reason, 160),
    ]),
    [String(count), String(bytes), '', '', 'total', '', ''],
  ]
  const lines = aligned(rows, (column) => column < 2)
  const selected =
    reading.lettersCount === count ? '' : `; ${count} of ${counted(reading.lettersCount, 'letter')} selected`
  const place = `${counted(reading.filesCount, 'file')} with ${counted(reading.bytesCount, 'byte')} in ${oneLine(directory)}${selected}`
  return [
    ...(groups.length === 0 ? ['No dead letters.'] : lines),
    '',
    place,
    ...damagedText(reading),
    '',
  ].join('\n')
}

/** What to tell about lines that cannot be read. */
export function damagedText({ damagedLinesCount }: Pick<Reading, 'damagedLinesCount'>): string[] {
  return damagedLinesCount === 0 ? [] : [`${counted(damagedLinesCount, 'damaged line')} left out`]
}
