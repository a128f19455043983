import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aDestination, recordsOf } from '../../helpers/batches.ts'
import { directory, recoverFrom } from '../../helpers/journal.ts'

/** A directory as version 1 of the format left it: a sealed batch, and one that was open when the process died. */
async function version1(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem()
  await disk.makeDirectory(directory)
  const golden = new URL('version-1/', import.meta.url)
  for (const name of readdirSync(golden))
    disk.place(`${directory}/${name}`, readFileSync(new URL(name, golden)))
  return disk
}

describe('a journal of format version 1', () => {
  it('is read whole, with its destinations, and settled when queued', async () => {
    const { batches } = await recoverFrom(await version1())

    assert.deepEqual(
      await Promise.all(batches.map(async (batch) => [batch.destination, await recordsOf(batch)])),
      [
        [
          aDestination({ ingestionMappingRef: 'app_json', dropByTags: ['2026-11'] }),
          ['{"n":1}', '{"n":2}', '{"n":3}'],
        ],
        [aDestination(), ['{"n":4}', '{"n":5}', '{"n":6}']],
      ],
    )
    for (const batch of batches) {
      assert.equal(batch.settlement.isPolled, false)
      assert.equal(batch.sending, undefined)
    }
  })

  it('is refused by its version when it is newer than this program, and nothing is touched', async () => {
    const disk = await version1()
    const [name] = (await disk.list(directory)).filter((file) => file.endsWith('.batch'))
    const path = `${directory}/${name}`
    const bytes = Buffer.from(disk.contentOf(path))
    bytes.writeUInt32LE(3, 8)
    const { crc32 } = await import('node:zlib')
    const jsonBytes = bytes.readUInt32LE(12)
    bytes.writeUInt32LE(crc32(bytes.subarray(20, 20 + jsonBytes), crc32(bytes.subarray(0, 16))), 16)
    disk.place(path, bytes)
    const before = await disk.list(directory)

    await assert.rejects(recoverFrom(disk), {
      code: 'JOURNAL_VERSION_UNSUPPORTED',
      message: /format version 3; this program reads up to 2/,
    })
    assert.deepEqual(
      (await disk.list(directory)).filter((file) => file !== 'lock.sock'),
      before,
    )
  })
})
