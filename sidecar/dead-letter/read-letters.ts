import { Readable } from 'node:stream'
import ndjson from 'ndjson'
import { SidecarError } from '../core/errors.ts'
import type { DeadLetterLine } from './encode-letters.ts'

/** A line holds at most a whole body in base64, and a string of Node not more than this. */
const lineMaxBytes = 400 * 1024 * 1024

/**
 * The letters of a dead-letter file, one after the other, so that a file of any size can be read. A last line without its newline
 * was cut by the death of the process before anybody was told that it is kept, and is left out. Throws DEAD_LETTER_UNREADABLE with the
 * number of the line when another one is damaged or too long.
 */
export async function* readLetters(file: Readable): AsyncGenerator<DeadLetterLine> {
  const lines = Readable.from(wholeLines(file), { objectMode: true, highWaterMark: 1 }).pipe(ndjson.parse())
  const state = { count: 0, damagedLine: undefined as number | undefined, isEnded: false }
  // The error comes while good lines before it still wait to be read. Its message quotes the line and must not be logged.
  lines.on('error', () => (state.damagedLine ??= state.count + lines.readableLength + 1))
  file.once('error', (error) => lines.destroy(error))
  let change = Promise.withResolvers<void>()
  for (const event of ['end', 'close']) lines.on(event, () => (state.isEnded = true))
  for (const event of ['readable', 'end', 'error', 'close']) lines.on(event, () => change.resolve())
  try {
    while (state.damagedLine === undefined || state.count + 1 < state.damagedLine) {
      const line = lines.read() as DeadLetterLine | null
      if (line !== null) {
        state.count += 1
        yield line
      } else if (state.isEnded) return
      else if (state.damagedLine === undefined) {
        await change.promise
        change = Promise.withResolvers()
      }
    }
  } finally {
    file.destroy()
    lines.destroy()
  }
  const message = `Line ${state.damagedLine} of the dead letters cannot be read: it is damaged or too long.`
  throw new SidecarError('DEAD_LETTER_UNREADABLE', message)
}

/** Pieces that end with a newline. The parser behind joins strings, which for a long line in many chunks costs its square. */
async function* wholeLines(file: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let partsBytes = 0
  for await (const chunk of file as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk as Buffer)
    const end = bytes.lastIndexOf(10) + 1
    if (end > 0) {
      yield Buffer.concat([...parts, bytes.subarray(0, end)])
      parts = []
      partsBytes = 0
    }
    parts.push(bytes.subarray(end))
    partsBytes += bytes.length - end
    if (partsBytes > lineMaxBytes) {
      // Not JSON, so the parser refuses it in its place.
      yield Buffer.from('too long\n')
      return
    }
  }
}
