import type { Readable } from 'node:stream'

/** The text of an answer; undefined when it is longer than `maxBytes` or breaks off. */
export async function answerText(body: Readable, maxBytes: number): Promise<string | undefined> {
  const pieces: Buffer[] = []
  let bytesCount = 0
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      bytesCount += piece.length
      // Leaving the loop gives up the rest of the answer.
      if (bytesCount > maxBytes) return undefined
      pieces.push(piece)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(pieces).toString('utf8')
}
