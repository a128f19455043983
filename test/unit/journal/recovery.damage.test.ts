import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  allRecords,
  directory,
  diskWith,
  openFileOf,
  recoverFrom,
  threeFrames,
} from '../../helpers/journal.ts'

describe('recovery of a damaged directory', () => {
  it('keeps what it does not understand, and delivers the rest', async () => {
    const { path, bytes } = await openFileOf(threeFrames)
    const disk = await diskWith(path, bytes)
    const garbage = Buffer.alloc(5_000, 'garbage')
    disk.place(`${directory}/00000007-0000000001.a.b.batch`, garbage)
    disk.place(`${directory}/00000007-0000000002.a.b.open`, garbage)
    disk.place(`${directory}/00000007-0000000003.a.b.open`, '')
    disk.place(`${directory}/00000007-0000000004.a.b.batch`, 'cannot be opened')
    disk.fail({ operation: 'open', code: 'EACCES', path: '00000007-0000000004' })

    const { records } = await recoverFrom(disk)

    assert.deepEqual(records, allRecords)
    const names = (await disk.list(directory)).filter((name) => name.startsWith('00000007'))
    assert.deepEqual(names, [
      '00000007-0000000001.a.b.batch.corrupt',
      '00000007-0000000002.a.b.open.corrupt',
      '00000007-0000000004.a.b.batch',
    ])
  })

  it('is not slowed down by bytes that look like the start of many frames', { timeout: 20_000 }, async () => {
    const disk = await diskWith(`${directory}/00000001-0000000000.a.b.open`, Buffer.alloc(3_000_000, 'FRM1'))
    assert.deepEqual((await recoverFrom(disk)).records, [])
  })

  it('takes a sealed file that lost its end for damaged', async () => {
    const { path, bytes, frameEnds } = await openFileOf(threeFrames)
    const disk = await diskWith(path.replace('.open', '.batch'), bytes.subarray(0, (frameEnds[2] ?? 0) + 50))
    const { records, metrics } = await recoverFrom(disk)
    assert.deepEqual(records, allRecords.slice(0, 3))
    assert.deepEqual((await metrics.journalErrors.get()).values[0]?.labels, { code: 'JOURNAL_CORRUPT' })
  })

  it('takes zeros at the end for a torn tail', async () => {
    const { path, bytes } = await openFileOf(threeFrames)
    const disk = await diskWith(path, Buffer.concat([bytes, Buffer.alloc(500)]))
    assert.deepEqual((await recoverFrom(disk)).records, allRecords)
    assert.ok(!(await disk.list(directory)).some((name) => name.endsWith('.corrupt')))
  })

  it('finds files of any epoch', async () => {
    const { bytes } = await openFileOf(threeFrames)
    const disk = await diskWith(`${directory}/123456789-0000000000.Logs.App.open`, bytes)
    assert.deepEqual((await recoverFrom(disk)).records, allRecords)
  })
})
