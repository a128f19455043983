/** The files of a dead-letter directory and the lines in them, read in pieces so that a file may have any size. */
import { limits } from '../core/limits.ts'
import type { File, FileSystem } from '../core/ports.ts'

export const fileSuffix = '.ndjson'

/** A line holds at most a whole body in base64, and a string of Node not more than this. */
const defaultLineMaxBytes = 400 * 1024 * 1024
const newline = 10

export type FileLine = {
  /** With its newline, but for a `torn` one and the first pieces of an `overlong` one. */
  readonly bytes: Buffer
  /** Of the first byte in the file. */
  readonly position: number
  /**
   * `overlong`: a piece of a line that is too long to be one of ours. `torn`: the end of the file without its newline; the process died
   * before anybody was told that it is kept, or it is being written right now.
   */
  readonly kind: 'whole' | 'overlong' | 'torn'
}

/** Names are times with a counter: 9 comes before 10. */
const byAge = new Intl.Collator('en', { numeric: true })

/** The names of the files with letters, the oldest first. */
export async function letterFiles(fileSystem: FileSystem, directory: string): Promise<string[]> {
  const names = await fileSystem.list(directory)
  return names.filter((name) => name.endsWith(fileSuffix)).toSorted((a, b) => byAge.compare(a, b))
}

/** The lines of a file, together all of its bytes. */
export async function* linesOfFile(
  fileSystem: FileSystem,
  path: string,
  lineMaxBytes = defaultLineMaxBytes,
): AsyncGenerator<FileLine> {
  const file = await fileSystem.open(path, 'read')
  try {
    yield* linesOf(file, lineMaxBytes)
  } finally {
    await file.close()
  }
}

async function* linesOf(file: File, lineMaxBytes: number): AsyncGenerator<FileLine> {
  let parts: Buffer[] = []
  let partsBytes = 0
  let position = 0
  let isOverlong = false
  const next = (kind: FileLine['kind'], last?: Buffer): FileLine => {
    const bytes =
      parts.length === 0 && last !== undefined ? last : Buffer.concat(last ? [...parts, last] : parts)
    const line = { bytes, position, kind }
    position += bytes.length
    parts = []
    partsBytes = 0
    return line
  }
  for await (const chunk of chunksOf(file)) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield next(isOverlong ? 'overlong' : 'whole', chunk.subarray(start, end + 1))
      isOverlong = false
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
    partsBytes += chunk.length - start
    if (partsBytes <= lineMaxBytes) continue
    isOverlong = true
    yield next('overlong')
  }
  if (partsBytes > 0) yield next('torn')
}

async function* chunksOf(file: File): AsyncGenerator<Buffer> {
  let position = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(limits.readChunkBytes)
    const bytesCount = await file.read(chunk, position)
    if (bytesCount === 0) return
    position += bytesCount
    yield chunk.subarray(0, bytesCount)
  }
}
