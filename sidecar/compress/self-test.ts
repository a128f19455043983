import { inflateRawSync } from 'node:zlib'
import type { Compressor } from './compressor.ts'

/** Ends a stream of pieces (see core/gzip-member.ts). */
const emptyFinalBlock = Buffer.from([0x03, 0x00])

/**
 * Deflates known bytes, all at once, joins the pieces, and inflates them by zlib. Rejects with an Error when they are not the same. The pieces
 * are small and large, and compress well and not at all, so that each way through the engine is taken.
 */
export async function selfTest({ compress }: Compressor): Promise<void> {
  const samples = [knownText(2_000), knownNoise(3_000), knownText(100_000), knownNoise(80_000), knownText(1)]
  const pieces = await Promise.all(samples.map((sample) => compress(sample)))
  const inflated = inflateRawSync(Buffer.concat([...pieces, emptyFinalBlock]))
  if (!inflated.equals(Buffer.concat(samples)))
    throw new Error('what it deflated is not what was given to it')
}

function knownText(length: number): Buffer {
  return Buffer.alloc(length, '{"time":"2026-01-01T00:00:00Z","level":"info","message":"ready"}\n')
}

/** Bytes that do not compress, from a generator that is the same everywhere (xorshift32). */
function knownNoise(length: number): Buffer {
  const noise = Buffer.alloc(length)
  let state = 0x9e3779b9
  for (let index = 0; index < length; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    noise[index] = state & 0xff
  }
  return noise
}
