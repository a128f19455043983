import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SealedBatch, Sending } from '../../../sidecar/core/ports.ts'
import { decodeSendings, encodeSending, sendingSlotsBytes } from '../../../sidecar/journal/sending-slots.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'
import { recoverFrom, startStore } from '../../helpers/journal.ts'
import { exactlyOnce } from '../../helpers/requests.ts'

const sending = (number: number): Sending => ({
  number,
  blob: { url: `https://account.blob.core.windows.net/container/blob.${number}.json.gz` },
  startedAtMs: 1_780_000_000_000 + number,
})

async function sealed(disk: MemoryFileSystem): Promise<SealedBatch> {
  const { store } = await startStore(disk)
  const open = await store.open(aDestination(), exactlyOnce)
  await open.append(aFrame(['{"n":1}']))
  const batch = await open.seal()
  assert(batch !== undefined)
  return batch
}

describe('the sending of a batch', () => {
  it('is durable once it is recorded, and the last one counts', async () => {
    let disk = new MemoryFileSystem()
    let batch: SealedBatch | undefined = await sealed(disk)
    assert.equal(batch.sending, undefined)
    for (const number of [0, 1, 2, 2, 3]) {
      await batch?.recordSending(sending(number))
      disk = disk.crash()
      const { batches, records } = await recoverFrom(disk)
      batch = batches[0]
      assert.deepEqual(batch?.sending, sending(number))
      assert.deepEqual(records, ['{"n":1}'])
    }
  })

  it('is the one before when the power is cut while it is recorded', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const disk = new MemoryFileSystem()
      const batch = await sealed(disk)
      await batch.recordSending(sending(0))
      disk.beforeOperation = (operation) => {
        if (operation === 'sync') throw new Error('the power goes')
      }
      await assert.rejects(batch.recordSending(sending(1)))
      const { batches } = await recoverFrom(disk.crash(new SeededRandom(seed)))
      const found = batches[0]?.sending
      assert.ok(found?.number === 0 || found?.number === 1)
      assert.deepEqual(found, sending(found.number))
    }
  })

  it('needs no room on the disk, also for a batch that was open when its process died', async () => {
    for (const isSealed of [true, false]) {
      const disk = new MemoryFileSystem()
      const { store } = await startStore(disk)
      const open = await store.open(aDestination(), exactlyOnce)
      await open.append(aFrame(['{"n":1}']))
      if (isSealed) await open.seal()
      const survivor = disk.kill()
      survivor.freeBytes = 0
      const { batches } = await recoverFrom(survivor)
      await batches[0]?.recordSending(sending(0))
      assert.deepEqual(batches[0]?.sending, sending(0))
    }
  })

  it('is refused, and the old one kept, when the disk refuses the write', async () => {
    const disk = new MemoryFileSystem()
    const batch = await sealed(disk)
    await batch.recordSending(sending(0))
    disk.fail({ operation: 'write', code: 'EIO' })
    await assert.rejects(batch.recordSending(sending(1)), { code: 'JOURNAL_WRITE_FAILED' })
    assert.deepEqual(batch.sending, sending(0))
  })

  it('stops the process when its sync fails', async () => {
    const disk = new MemoryFileSystem()
    const { store, fatal } = await startStore(disk)
    const open = await store.open(aDestination(), exactlyOnce)
    await open.append(aFrame(['{"n":1}']))
    const batch = await open.seal()
    disk.fail({ operation: 'sync' })
    await assert.rejects(async () => batch?.recordSending(sending(0)), { code: 'JOURNAL_SYNC_FAILED' })
    assert.equal(fatal.length, 1)
  })

  it('comes out of a slot as it went in, and any damage of it is noticed', () => {
    const anySending = fc
      .tuple(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.string({ maxLength: 900, unit: 'binary' }),
        fc.integer({ min: 0, max: 8.64e15 }),
      )
      .map(([number, url, startedAtMs]) => ({ number, blob: { url }, startedAtMs }))
    fc.assert(
      fc.property(anySending, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, flip) => {
        const slot = encodeSending(one)
        assert(slot !== undefined)
        const slots = Buffer.alloc(sendingSlotsBytes)
        slot.bytes.copy(slots, slot.offset)
        assert.deepEqual(decodeSendings(slots), one)
        const damagedAt = slot.offset + (at % slot.bytes.length)
        slots.writeUInt8(slots.readUInt8(damagedAt) ^ flip, damagedAt)
        const found = decodeSendings(slots)
        // A few bytes of the head have no meaning; a wrong sending may never come of it.
        if (found !== undefined) assert.deepEqual(found, one)
      }),
    )
  })
})
