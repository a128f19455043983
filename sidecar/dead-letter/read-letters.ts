import type { Readable } from 'node:stream'
import ndjson from 'ndjson'
import { SidecarError } from '../core/errors.ts'
import type { DeadLetterLine } from './encode-letters.ts'

/** A line holds at most a whole body in base64. */
const lineMaxBytes = 512 * 1024 * 1024

/**
 * The letters of a dead-letter file, one after the other, so that a file of any size can be read. Throws DEAD_LETTER_UNREADABLE with
 * the number of the line when one is damaged.
 */
export async function* readLetters(file: Readable): AsyncGenerator<DeadLetterLine> {
  // `maxLength` is an option of split2, on which ndjson is built, and is missing in the types of ndjson.
  const options: Parameters<typeof ndjson.parse>[0] & { maxLength: number } = { maxLength: lineMaxBytes }
  const lines = file.pipe(ndjson.parse(options))
  let count = 0
  const state = { damagedLine: undefined as number | undefined, isEnded: false }
  // The error comes while lines before it still wait to be read; they are good. Its message quotes the line and must not be logged.
  lines.on('error', () => (state.damagedLine ??= count + lines.readableLength + 1))
  file.once('error', (error) => lines.destroy(error))
  let change = Promise.withResolvers<void>()
  for (const event of ['end', 'close']) lines.on(event, () => (state.isEnded = true))
  for (const event of ['readable', 'end', 'error', 'close']) lines.on(event, () => change.resolve())
  try {
    while (state.damagedLine === undefined || count + 1 < state.damagedLine) {
      const line = lines.read() as DeadLetterLine | null
      if (line !== null) {
        count += 1
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
