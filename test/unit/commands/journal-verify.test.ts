import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { decodeSeal, encodeSeal } from '../../../sidecar/journal/format.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aDestination } from '../../helpers/batches.ts'
import { directory, startStore } from '../../helpers/journal.ts'
import { exactlyOnce } from '../../helpers/requests.ts'
import { pathOf, run, secretFrames, somewhere } from './journals.ts'

const verify = ['verify', '--dir', directory]

/** A directory with one batch, given back by its sidecar; its file, and where its frames end. */
async function oneBatch(state: 'open' | 'sealed', settlement = settledWhenQueued) {
  const disk = new MemoryFileSystem()
  const { store } = await startStore(disk, { seed: 3 })
  const open = await store.open(aDestination(), { ...settlement, isPolled: true })
  const path = await pathOf(disk, '.open')
  const ends = [disk.contentOf(path).length]
  for (const frame of secretFrames) {
    await open.append(frame)
    ends.push(disk.contentOf(path).length)
  }
  if (state === 'sealed') await open.seal()
  await store.close()
  const suffix = state === 'sealed' ? '.batch' : '.open'
  return { disk, path: await pathOf(disk, suffix), bytes: disk.contentOf(await pathOf(disk, suffix)), ends }
}

async function kindsOf(disk: MemoryFileSystem): Promise<string[]> {
  const { output } = await run([...verify, '--json'], disk)
  const { files } = JSON.parse(output) as { files: { findings: { kind: string }[] }[] }
  return files.flatMap(({ findings }) => findings.map(({ kind }) => kind))
}

describe('journal verify', () => {
  it('finds nothing in a whole journal, while its sidecar runs and after', async () => {
    const { disk, started } = await somewhere()
    for (const use of ['in use by a running sidecar', 'no sidecar uses it']) {
      const { exitCode, output } = await run(verify, disk)
      assert.equal(exitCode, 0)
      assert.match(
        output,
        new RegExp(
          `${use}\\.\n\n4 files with \\d+ bytes: 18 records in 12 frames are whole\\. Nothing is damaged\\.\n$`,
        ),
      )
      await started.store.close()
    }
  })

  it('finds every changed byte of a sealed batch, and says how much of it is whole', async () => {
    const { disk, path, bytes, ends } = await oneBatch('sealed')
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(bytes)
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at)
        disk.place(path, damaged)
        const { exitCode, output } = await run(verify, disk)
        assert.equal(exitCode, 1, output)
        const frame = ends.findIndex((end) => at < end) - 1
        if (frame >= 0 && frame < 3) {
          assert.match(output, new RegExp(`is damaged from byte ${ends[frame]} on \\(in frame ${frame}`))
          assert.match(output, new RegExp(`${2 * frame} records in ${frame} frames? before that are whole`))
          assert.match(output, /: 4 records in 2 frames are whole\. 1 file damaged/)
          if (frame < 2)
            assert.match(output, new RegExp(`${2 * (2 - frame)} records in ${2 - frame} frames? behind it`))
          assert.match(output, /delivers them as a new batch and keeps the file as \.corrupt/)
        }
      }),
    )
  })

  it('takes an open file that was cut anywhere for what a crash leaves, and a sealed one for damaged', async () => {
    const open = await oneBatch('open', exactlyOnce)
    const sealed = await oneBatch('sealed')
    for (let length = 0; length < open.bytes.length; length += 7) {
      open.disk.place(open.path, open.bytes.subarray(0, length))
      const { exitCode, output } = await run(verify, open.disk)
      assert.equal(exitCode, 0, output)
      if (length > (open.ends[0] ?? 0) && !open.ends.includes(length))
        assert.match(output, /note {2}A torn tail of \d+ bytes?: .*Nothing in it was acknowledged, since/)
    }
    for (let length = 0; length < sealed.bytes.length; length += 1) {
      sealed.disk.place(sealed.path, sealed.bytes.subarray(0, length))
      const { exitCode, output } = await run(verify, sealed.disk)
      const isFrameEnd = sealed.ends.includes(length)
      assert.equal(exitCode, isFrameEnd ? 0 : 1, output)
      if (isFrameEnd) assert.match(output, /note {2}The file has no seal/)
      else if (length > (sealed.ends[0] ?? 0)) assert.match(output, /ends too early/)
    }
  })

  it('finds a seal that says something else than the frames', async () => {
    const { disk, path, bytes } = await oneBatch('sealed')
    const found = decodeSeal(bytes)
    assert(found !== undefined)
    for (const counts of [{ recordCount: 5 }, { rawCrc32: 1 }, { requestsBytes: 0 }]) {
      const seal = encodeSeal({ ...found.seal, ...counts })
      disk.place(path, Buffer.concat([bytes.subarray(0, -seal.length), seal]))
      assert.deepEqual(await kindsOf(disk), ['corruption'])
    }
  })

  it('says that a frame is being written when a sidecar runs', async () => {
    const { disk, path, bytes, ends } = await oneBatch('open')
    disk.place(path, bytes.subarray(0, (ends[2] ?? 0) + 50))
    await disk.lock(directory)
    const { exitCode, output } = await run(verify, disk)
    assert.equal(exitCode, 0)
    assert.match(output, /note {2}50 bytes of a frame that is being written/)
  })

  it('finds content that is not what its frame says, which no checksum of the disk shows', async () => {
    const [frame] = secretFrames
    assert(frame !== undefined)
    for (const [wrong, expected] of [
      [{ recordCount: 3 }, /has 2 lines, and its header says 3/],
      [{ rawCrc32: 1 }, /another checksum/],
      [{ rawBytes: 43 }, /has more bytes when decompressed, and its header says 43/],
      [{ rawBytes: 45 }, /has 44 bytes when decompressed, and its header says 45/],
      [{ payload: Buffer.from('no deflate') }, /cannot be decompressed/],
    ] as const) {
      const disk = new MemoryFileSystem()
      const { store } = await startStore(disk)
      const open = await store.open(aDestination(), exactlyOnce)
      await open.append({ ...frame, ...wrong })
      await open.seal()
      const { exitCode, output } = await run(verify, disk)
      assert.equal(exitCode, 1)
      assert.match(output, expected)
      assert.equal(disk.openFilesCount, 0)
    }
  })

  it('explains files of a newer version, set aside files, leftovers, a copy and what is not its own', async () => {
    const { disk, path, bytes } = await oneBatch('sealed')
    const { crc32 } = await import('node:zlib')
    const newer = Buffer.from(bytes)
    newer.writeUInt32LE(9, 8)
    newer.writeUInt32LE(
      crc32(newer.subarray(20, 20 + newer.readUInt32LE(12)), crc32(newer.subarray(0, 16))),
      16,
    )
    disk.place(`${directory}/00000001-0000000007.x.batch`, newer)
    disk.place(`${directory}/00000001-0000000008.x.batch.corrupt`, bytes)
    disk.place(`${directory}/00000001-0000000009.x.batch`, bytes.subarray(100))
    disk.place(`${directory}/lock.0123abcd`, '')
    disk.place(`${directory}/notes.txt`, '')
    disk.place(`${directory}/writer.json`, disk.contentOf(`${directory}/writer.json`))
    const { exitCode, output } = await run(verify, disk)
    assert.equal(exitCode, 1)
    assert.match(output, /DAMAGE {2}The journal has a file of format version 9; this program reads up to 2/)
    assert.match(output, /DAMAGE {2}The file was set aside as damaged, but nothing is wrong with it now/)
    assert.match(
      output,
      /DAMAGE {2}The header of the file is damaged.*; 6 records in 3 frames are whole\. The next start/,
    )
    assert.match(output, /lock\.0123abcd\n {2}note {2}Left by a start/)
    assert.match(output, /notes\.txt\n {2}note {2}This is no file of a journal/)
    assert.match(output, /writer\.json\n {2}note {2}The directory is a copy/)
    assert.match(output, / 3 files damaged\.\n$/)
    assert.deepEqual(disk.contentOf(path), bytes)
  })

  it('tells a note of a sending that was cut short from two that are damaged', async () => {
    const { disk, sealed, started } = await somewhere()
    await sealed.recordSending({ number: 4, blob: { url: 'https://a/b/c' }, startedAtMs: 1 })
    await started.store.close()
    const path = await pathOf(disk, '1.Logs.App.batch')
    const bytes = disk.contentOf(path)
    for (const [exitCode, text] of [
      [0, /note {2}The note of a sending was cut short/],
      [1, /DAMAGE {2}Both notes/],
    ] as const) {
      bytes.writeUInt8(0xff, bytes.indexOf('SND1') + 4)
      bytes.write('X', bytes.indexOf('SND1'))
      disk.place(path, bytes)
      const ran = await run(verify, disk)
      assert.equal(ran.exitCode, exitCode)
      assert.match(ran.output, text)
    }
  })

  it('finds damage in remembered requests, and a torn tail of them', async () => {
    const { disk, started } = await somewhere()
    await started.store.close()
    const path = await pathOf(disk, '.keys')
    const bytes = disk.contentOf(path)
    disk.place(path, bytes.subarray(0, -1))
    assert.deepEqual(await kindsOf(disk), ['torn-tail'])
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    disk.place(path, bytes)
    assert.deepEqual(await kindsOf(disk), ['corruption'])
  })

  it('is not disturbed by files that go away, and says which cannot be read', async () => {
    const { disk, started } = await somewhere()
    const gone = await pathOf(disk, '1.Logs.App.batch')
    disk.beforeOperation = async (operation, path) => {
      if (operation !== 'open' || path.endsWith('.json')) return
      disk.beforeOperation = undefined
      await disk.remove(gone)
    }
    assert.equal((await run(verify, disk)).exitCode, 0)

    disk.fail({ operation: 'read', path: '.open', times: 2 })
    assert.deepEqual(await kindsOf(disk), ['unreadable'])
    disk.fail({ operation: 'read', path: '.open' })
    assert.deepEqual(await kindsOf(disk), [], 'once is no damage while a sidecar runs')
    await started.store.close()
  })
})
