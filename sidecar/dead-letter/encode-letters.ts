import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import ndjson from 'ndjson'
import type { DeadLetter } from '../core/ports.ts'
import { isoTime } from './iso-time.ts'

/** A line of a dead-letter file. The bytes are in `record` when they are text, otherwise in `record_base64`. */
export type DeadLetterLine = {
  readonly time: string
  readonly code: string
  readonly reason: string
  readonly destination: string
  readonly record?: string
  readonly record_base64?: string
}

/** The lines of these letters as NDJSON. */
export async function encodeLetters(letters: readonly DeadLetter[], nowMs: number): Promise<Buffer> {
  const time = isoTime(nowMs)
  const lines = letters.map((letter) => lineOf(letter, time))
  return buffer(Readable.from(lines).pipe(ndjson.stringify()))
}

function lineOf({ code, reason, destination, bytes }: DeadLetter, time: string): DeadLetterLine {
  const kept = isUtf8(bytes)
    ? { record: bytes.toString('utf8') }
    : { record_base64: bytes.toString('base64') }
  return { time, code, reason, destination, ...kept }
}

/** The original bytes of a line. */
export function recordBytesOf(line: DeadLetterLine): Buffer {
  return line.record === undefined
    ? Buffer.from(line.record_base64 ?? '', 'base64')
    : Buffer.from(line.record, 'utf8')
}
