import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { gunzipSync, inflateRawSync } from 'node:zlib'
import { crc32Of, gzipHeader, gzipTrailer } from '../../sidecar/core/gzip-member.ts'

/** Checks that deflated pieces together are one gzip member of `whole`, also for readers that take one member and nothing behind it. */
export async function assertOneMember(pieces: readonly Buffer[], whole: Buffer): Promise<void> {
  const member = Buffer.concat([gzipHeader, ...pieces, gzipTrailer(crc32Of(whole), whole.length)])
  assert(gunzipSync(member).equals(whole), 'gunzip gives other bytes')
  assertNothingBehind(member)
  const web = Readable.toWeb(Readable.from([member])).pipeThrough(new DecompressionStream('gzip') as never)
  const inflated = Buffer.from(await new Response(web as never).arrayBuffer())
  assert(inflated.equals(whole), 'DecompressionStream gives other bytes')
}

/** The deflate stream ends where the checksum begins: no piece ended it before. */
function assertNothingBehind(member: Buffer): void {
  const deflated = member.subarray(gzipHeader.length, -8)
  const { engine } = inflateRawSync(deflated, { info: true }) as unknown as {
    engine: { bytesWritten: number }
  }
  assert.equal(engine.bytesWritten, deflated.length, 'the stream ends before its pieces do')
}
