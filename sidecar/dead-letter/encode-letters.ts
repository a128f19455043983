import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import ndjson from 'ndjson'
import type { DeadLetter } from '../core/ports.ts'
import { isoTime } from './iso-time.ts'
import { lineOf } from './letter-line.ts'

/** The lines of these letters as NDJSON. */
export async function encodeLetters(letters: readonly DeadLetter[], nowMs: number): Promise<Buffer> {
  const time = isoTime(nowMs)
  const lines = letters.map((letter) => lineOf(letter, time))
  return buffer(Readable.from(lines).pipe(ndjson.stringify()))
}
