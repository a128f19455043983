import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import ndjson from 'ndjson'
import type { DeadLetter } from '../core/ports.ts'
import { isoTime } from './iso-time.ts'
import { type LetterLine, lineOf } from './letter-line.ts'

/** A body may have thousands; after so many, about a millisecond, others have their turn. */
const lettersAtOnce = 100

/** The lines of these letters as NDJSON. */
export async function encodeLetters(letters: readonly DeadLetter[], nowMs: number): Promise<Buffer> {
  return buffer(Readable.from(linesOf(letters, isoTime(nowMs))).pipe(ndjson.stringify()))
}

async function* linesOf(letters: readonly DeadLetter[], time: string): AsyncGenerator<LetterLine> {
  for (const [index, letter] of letters.entries()) {
    if (index > 0 && index % lettersAtOnce === 0) await setImmediate()
    yield lineOf(letter, time)
  }
}
