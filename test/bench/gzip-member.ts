/** Reads a file that must be one gzip member and nothing else, since Kusto reads only the first. */
import { crc32, inflateRawSync } from 'node:zlib'

const flags = { headerCrc: 2, extra: 4, name: 8, comment: 16 }
const trailerBytes = 8

/** What is in it. Throws with what is wrong with it. */
export function readOneMember(file: Buffer): Buffer {
  const start = headerLength(file)
  const { buffer: content, engine } = inflateRawSync(file.subarray(start), {
    info: true,
    maxOutputLength: 2 ** 31,
  }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
  const trailer = start + engine.bytesWritten
  const restBytes = file.length - trailer
  if (restBytes !== trailerBytes) throw new Error(`${restBytes} bytes follow the deflated data instead of 8`)
  if (file.readUInt32LE(trailer) !== crc32(content)) throw new Error('the CRC is wrong')
  if (file.readUInt32LE(trailer + 4) !== content.length % 2 ** 32) throw new Error('the length is wrong')
  return content
}

/** RFC 1952, 2.3. */
function headerLength(file: Buffer): number {
  if (file.length < 18 || file.readUInt16BE(0) !== 0x1f8b || file[2] !== 8) throw new Error('not a gzip file')
  const set = file[3] as number
  let place = 10
  if ((set & flags.extra) !== 0) place += 2 + file.readUInt16LE(place)
  for (const flag of [flags.name, flags.comment]) if ((set & flag) !== 0) place = file.indexOf(0, place) + 1
  if ((set & flags.headerCrc) !== 0) place += 2
  return place
}
