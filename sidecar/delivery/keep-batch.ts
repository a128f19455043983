import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { DeadLetter, DeadLetterSink, SealedBatch } from '../core/ports.ts'
import { destinationLabel } from '../core/destination.ts'
import type { SidecarError } from '../core/errors.ts'

/** Letters that are written together: whichever is reached first. */
const recordsAtOnce = 500
const bytesAtOnce = 4_000_000

/** Writes every record of a batch to the dead letters, with why. Memory stays bounded: records are read from the blob. */
export async function keepBatchAsDeadLetters(
  batch: SealedBatch,
  why: SidecarError,
  deadLetters: DeadLetterSink,
): Promise<void> {
  const destination = destinationLabel(batch.destination)
  const origin = { kind: 'batch', destination: batch.destination } as const
  let letters: DeadLetter[] = []
  let bytesCount = 0
  await pipeline(batch.read(), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const bytes of lines(chunks)) {
      letters.push({ code: why.code, reason: why.message, destination, origin, bytes })
      bytesCount += bytes.length
      if (letters.length < recordsAtOnce && bytesCount < bytesAtOnce) continue
      await deadLetters.keep(letters)
      letters = []
      bytesCount = 0
    }
  })
  if (letters.length > 0) await deadLetters.keep(letters)
}

/** Every record of a batch is one line. */
async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)])
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
}
