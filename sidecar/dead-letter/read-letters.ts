import type { FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import { type FileLine, letterFiles, linesOfFile } from './letter-files.ts'
import { type LetterFilter, isSelected } from './letter-filter.ts'
import type { LetterLine } from './letter-line.ts'
import { LineParser } from './line-parser.ts'

/** Where the line of a letter is. */
export type LetterPlace = { readonly path: string; readonly position: number; readonly bytesCount: number }

export type FoundLetter = { readonly line: LetterLine; readonly place: LetterPlace }

/** What a reading went over; filled while it goes on. */
export type Reading = {
  filesCount: number
  bytesCount: number
  lettersCount: number
  damagedLinesCount: number
}

export function newReading(): Reading {
  return { filesCount: 0, bytesCount: 0, lettersCount: 0, damagedLinesCount: 0 }
}

/**
 * The selected letters of a directory, the oldest first; a sidecar may be writing to it. Damaged lines are counted and left out. Throws
 * DEAD_LETTER_UNREADABLE when the directory or a file cannot be read; a file that is taken away meanwhile is none.
 */
export async function* readLetters(
  fileSystem: FileSystem,
  directory: string,
  filter: LetterFilter,
  reading: Reading,
): AsyncGenerator<FoundLetter> {
  const parser = new LineParser()
  for (const name of await listing(fileSystem, directory)) {
    const path = `${directory}/${name}`
    for await (const { bytes, position, kind } of readableLines(fileSystem, path)) {
      if (position === 0) reading.filesCount += 1
      reading.bytesCount += bytes.length
      if (kind === 'torn') continue
      const line = kind === 'whole' ? parser.parse(bytes) : undefined
      if (line === undefined) reading.damagedLinesCount += bytes.at(-1) === 10 ? 1 : 0
      else {
        reading.lettersCount += 1
        if (isSelected(line, filter)) yield { line, place: { path, position, bytesCount: bytes.length } }
      }
    }
  }
}

/** The letter at a place where one was found before; undefined when the file was taken away or written anew since. */
export async function readLetterAt(
  fileSystem: FileSystem,
  place: LetterPlace,
): Promise<LetterLine | undefined> {
  const bytes = Buffer.alloc(place.bytesCount)
  try {
    const file = await fileSystem.open(place.path, 'read')
    const bytesCount = await file.read(bytes, place.position).finally(() => file.close())
    return bytesCount === bytes.length ? new LineParser().parse(bytes) : undefined
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw unreadable(place.path, error)
  }
}

async function listing(fileSystem: FileSystem, directory: string): Promise<string[]> {
  try {
    return await letterFiles(fileSystem, directory)
  } catch (error) {
    throw unreadable(directory, error)
  }
}

async function* readableLines(fileSystem: FileSystem, path: string): AsyncGenerator<FileLine> {
  try {
    yield* linesOfFile(fileSystem, path)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unreadable(path, error)
  }
}

export function unreadable(path: string, cause: unknown): SidecarError {
  const message = `The dead letters in ${path} cannot be read: ${messageOf(cause)}`
  return new SidecarError('DEAD_LETTER_UNREADABLE', message, { cause })
}
