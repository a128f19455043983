import type { ShowCommand } from '../config/arguments.ts'
import { type LetterLine, originOf, recordBytesOf } from '../dead-letter/letter-line.ts'
import { type LetterPlace, newReading, readLetterAt, readLetters } from '../dead-letter/read-letters.ts'
import { type CommandContext, counted, directoryOf, filterOf } from './context.ts'
import { damagedText } from './list-letters.ts'
import { oneLine, recordText, safeJson } from './terminal-text.ts'

const defaultLimit = 10
const cutAtBytes = 4_096

/** Prints the newest letters, the newest last. Resolves with the exit code. */
export async function showLetters(command: ShowCommand, context: CommandContext): Promise<number> {
  const { fileSystem, write } = context
  const directory = await directoryOf(command, context)
  const limit = command.limit ?? defaultLimit
  const reading = newReading()
  const places: LetterPlace[] = []
  let selectedCount = 0
  // Only places are remembered: a letter may be as large as a body, and a limit any number.
  for await (const { place } of readLetters(
    fileSystem,
    directory,
    filterOf(command.selection, context),
    reading,
  )) {
    places[selectedCount % limit] = place
    selectedCount += 1
  }
  const start = selectedCount > limit ? selectedCount % limit : 0
  let goneCount = 0
  for (const place of [...places.slice(start), ...places.slice(0, start)]) {
    const line = await readLetterAt(fileSystem, place)
    if (line === undefined) goneCount += 1
    else await write(command.json ? `${safeJson(line)}\n` : letterText(line, command.full))
  }
  if (command.json) return 0
  const shown = `${places.length - goneCount} of ${counted(selectedCount, 'selected letter')} in ${oneLine(directory)}`
  const gone = goneCount === 0 ? [] : [`${counted(goneCount, 'letter')} went away meanwhile`]
  await write(`${[shown, ...gone, ...damagedText(reading)].join('\n')}\n`)
  return 0
}

function letterText(line: LetterLine, isFull: boolean): string {
  const bytes = recordBytesOf(line)
  const title = [line.time, line.code, line.destination].map(oneLine).join('  ')
  const record = recordText(bytes, isFull ? bytes.length : cutAtBytes, '    ')
  return `${title}\n  why     ${oneLine(line.reason)}\n  from    ${originText(line)}\n  record  ${counted(bytes.length, 'byte')}\n${record}\n\n`
}

function originText(line: LetterLine): string {
  const origin = originOf(line)
  if (origin === undefined) return 'unknown; a replay needs --to DATABASE/TABLE'
  if (origin.kind === 'batch')
    return `a batch for ${oneLine(`${origin.destination.database}/${origin.destination.table}`)}`
  const { path, tag, contentType, contentEncoding } = origin.head
  const facts = [
    ['tag', tag],
    ['content type', contentType],
    ['encoding', contentEncoding],
  ] as const
  const given = facts.flatMap(([name, value]) => (value === undefined ? [] : [`, ${name} ${value}`]))
  return oneLine(`a request to ${path}${given.join('')}`)
}
