import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { codeOf } from '../../../sidecar/core/errors.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aDestination, aFrame, recordsOf } from '../../helpers/batches.ts'
import {
  directory,
  startStore,
  fileOf,
  diskWith,
  recoverFrom,
  openFileOf,
  threeFrames,
  recordsUpTo,
  allRecords,
} from '../../helpers/journal.ts'

describe('recovery of a journal file', () => {
  it('finds the whole frames of every prefix', async () => {
    const { path, bytes, frameEnds } = await openFileOf(threeFrames)
    let lengthsSeen = 0
    for (let length = 0; length <= bytes.length; length += 1) {
      const wholeFrames = frameEnds.filter((end) => end <= length).length - 1
      const { records } = await recoverFrom(await diskWith(path, bytes.subarray(0, length)))
      assert.deepEqual(
        records,
        allRecords.slice(0, recordsUpTo[Math.max(0, wholeFrames)]),
        `cut at ${length}`,
      )
      lengthsSeen += 1
    }
    assert.ok(lengthsSeen > 300)
  })

  it('can be appended to by the next process after every prefix', async () => {
    const { path, bytes } = await openFileOf(threeFrames)
    for (let length = 0; length <= bytes.length; length += 7) {
      const disk = await diskWith(path, bytes.subarray(0, length))
      const { store, batches } = await recoverFrom(disk)
      const open = await store.open(aDestination())
      await open.append(aFrame(['{"next":true}']))
      await open.seal()
      await store.close()
      assert.equal(
        (await recoverFrom(disk)).records.length,
        batches.reduce((sum, batch) => sum + batch.recordCount, 1),
      )
    }
  })

  it('notices every flipped bit, and never makes a wrong record of it', async () => {
    const { path, bytes, frameEnds } = await openFileOf(threeFrames)
    let unnoticed = 0
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes)
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      const disk = await diskWith(path, damaged)
      const { records, metrics, store } = await recoverFrom(disk)

      for (const record of records) assert.ok(allRecords.includes(record), `bit ${bit} made ${record}`)
      const inFrame = frameEnds.filter((end) => end <= bit >>> 3).length - 1
      const survivors =
        inFrame < 0
          ? []
          : allRecords.filter(
              (_, n) => n < (recordsUpTo[inFrame] ?? 0) || n >= (recordsUpTo[inFrame + 1] ?? 0),
            )
      assert.deepEqual(records, survivors, `bit ${bit}: the other frames survive`)
      const torn = (await metrics.journalTornBytes.get()).values[0]?.value ?? 0
      const corrupt = (await metrics.journalErrors.get()).values.length
      if (torn === 0 && corrupt === 0) unnoticed += 1
      const isKept = (await disk.list(directory)).some((name) => name.endsWith('.corrupt'))
      if (inFrame < 2) assert.ok(isKept, `bit ${bit}: the damaged file is kept for a person`)
      await store.close()
    }
    assert.equal(unnoticed, 0)
  })

  it('notices every flipped bit of a sealed file at the latest when it is read, and repairs it', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    const open = await store.open(aDestination())
    for (const frame of threeFrames) await open.append(frame)
    await open.seal()
    await store.close()
    const { path, bytes } = await fileOf(disk, '.batch')
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const damaged = Buffer.from(bytes)
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      const next = await startStore(await diskWith(path, damaged))
      const records: string[] = []
      for (const batch of await next.store.recover()) {
        const whole = await recordsOf(batch).catch(async (error: unknown) => {
          assert.equal(codeOf(error), 'JOURNAL_CORRUPT', String(error))
          const repaired = await batch.repair()
          return repaired === undefined ? [] : recordsOf(repaired)
        })
        records.push(...whole)
      }
      for (const record of records) assert.ok(allRecords.includes(record), `bit ${bit} made ${record}`)
      assert.equal(new Set(records).size, records.length, `bit ${bit}: no record twice`)
    }
  })

  it('keeps whole frames behind random damage', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 12 }),
        fc.nat(),
        fc.integer({ min: 1, max: 300 }),
        async (count, where, length) => {
          const frames = Array.from({ length: count }, (_, n) => aFrame([`{"n":${n}}`]))
          const { path, bytes, frameEnds } = await openFileOf(frames)
          const start = (frameEnds[0] ?? 0) + (where % (bytes.length - (frameEnds[0] ?? 0)))
          const damaged = Buffer.from(bytes)
          for (let at = start; at < Math.min(bytes.length, start + length); at += 1)
            damaged[at] = (damaged[at] ?? 0) ^ 0xff

          const { records } = await recoverFrom(await diskWith(path, damaged))

          const end = Math.min(bytes.length, start + length)
          const expected = frames.flatMap((_, n) =>
            (frameEnds[n + 1] ?? 0) <= start || (frameEnds[n] ?? 0) >= end ? [`{"n":${n}}`] : [],
          )
          assert.deepEqual(records, expected)
        },
      ),
      { numRuns: 200 },
    )
  })
})
