import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Frame } from '../../../sidecar/core/ports.ts'
import type { RequestSlice } from '../../../sidecar/core/request-slice.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { NaiveLedger } from '../../fakes/naive-ledger.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'
import { directory, startStore } from '../../helpers/journal.ts'
import { aSlice, exactlyOnce } from '../../helpers/requests.ts'

const frameOf = (records: readonly string[], requests: readonly RequestSlice[]): Frame => ({
  ...aFrame(records),
  requests,
})

async function start(disk: MemoryFileSystem) {
  const ledger = new NaiveLedger()
  const started = await startStore(disk, { ledger })
  const batches = await started.store.recover()
  return { ...started, ledger, batches }
}

/** A batch with two requests, each in a frame of its own; the ledger knows them, as a lane would have told it. */
async function twoRequests(disk: MemoryFileSystem) {
  const started = await start(disk)
  const open = await started.store.open(aDestination(), exactlyOnce)
  for (const n of [1, 2]) {
    const slice = aSlice(n, { recordCount: 2 })
    await open.append(frameOf([`{"n":${n}}`, `{"m":${n}}`], [slice]))
    started.ledger.store([slice])
  }
  return { ...started, open }
}

describe('requests in the journal', () => {
  it('are found in an open batch after a kill', async () => {
    const disk = new MemoryFileSystem()
    await twoRequests(disk)

    const { ledger } = await start(disk.kill())

    assert.deepEqual(
      [1, 2, 3].map((n) => ledger.isStored(aSlice(n).key)),
      [true, true, false],
    )
  })

  it('are found with their records after a power cut, and not without them', async () => {
    const disk = new MemoryFileSystem()
    const { open } = await twoRequests(disk)
    await open.sync()
    await open.append(frameOf(['{"n":3}'], [aSlice(3)]))

    const { ledger, batches } = await start(disk.crash())

    assert.equal(batches[0]?.recordCount, 4)
    assert.deepEqual(
      [1, 2, 3].map((n) => ledger.isStored(aSlice(n).key)),
      [true, true, false],
    )
  })

  it('are found in a sealed batch without reading its frames', async () => {
    const disk = new MemoryFileSystem()
    const { open } = await twoRequests(disk)
    await open.seal()
    const survivor = disk.kill()
    let bytesRead = 0
    survivor.beforeOperation = (operation, path) => {
      if (operation === 'read' && path.endsWith('.batch')) bytesRead += 1
    }

    const { ledger } = await start(survivor)

    assert.deepEqual(
      [1, 2].map((n) => ledger.isStored(aSlice(n).key)),
      [true, true],
    )
    assert.ok(bytesRead <= 5, `${bytesRead} reads`)
  })

  it('outlive the file of their settled batch, over several restarts', async () => {
    const disk = new MemoryFileSystem()
    const { open } = await twoRequests(disk)
    await (await open.seal())?.remove()
    let survivor = disk.crash()
    for (let restart = 0; restart < 3; restart += 1) {
      const { ledger, batches, store } = await start(survivor)
      assert.deepEqual(
        [1, 2].map((n) => ledger.isStored(aSlice(n).key)),
        [true, true],
      )
      assert.ok(batches.length <= 1, 'the removal itself need not be durable')
      for (const batch of batches) await batch.remove()
      await store.close()
      survivor = survivor.crash()
    }
  })

  it('that were forgotten leave nothing behind when their batch is settled', async () => {
    const disk = new MemoryFileSystem()
    const { open, ledger, store } = await twoRequests(disk)
    const sealed = await open.seal()
    ledger.forget(aSlice(1).key)
    ledger.forget(aSlice(2).key)
    await sealed?.remove()
    await store.close()

    assert.deepEqual(
      (await disk.list(directory)).filter((name) => name.endsWith('.keys')),
      [],
    )
  })

  it('that were forgotten before the batch was sealed are not in its end', async () => {
    const disk = new MemoryFileSystem()
    const { open, ledger } = await twoRequests(disk)
    ledger.forget(aSlice(1).key)
    await open.seal()

    const restarted = await start(disk.kill())

    assert.deepEqual(
      [1, 2].map((n) => restarted.ledger.isStored(aSlice(n).key)),
      [false, true],
    )
  })

  it('come along when a damaged batch is repaired', async () => {
    const disk = new MemoryFileSystem()
    const { open } = await twoRequests(disk)
    await open.append(frameOf(['{"n":3}'], [aSlice(3)]))
    await open.seal()
    const survivor = disk.kill()
    const [name] = (await survivor.list(directory)).filter((file) => file.endsWith('.batch'))
    const path = `${directory}/${name}`
    const bytes = Buffer.from(survivor.contentOf(path))
    const payload = bytes.indexOf(aFrame(['{"n":3}']).payload)
    bytes.writeUInt8(bytes.readUInt8(payload) ^ 1, payload)
    survivor.place(path, bytes)
    const { batches } = await start(survivor)
    const repaired = await batches[0]?.repair()

    assert.equal(repaired?.recordCount, 4)
    assert.equal(repaired?.settlement.isExactlyOnce, true)
    const { ledger } = await start(survivor.kill())
    assert.deepEqual(
      [1, 2].map((n) => ledger.isStored(aSlice(n).key)),
      [true, true],
    )
  })

  it('come along when a damaged batch is repaired at the start', async () => {
    const disk = new MemoryFileSystem()
    await twoRequests(disk)
    const survivor = disk.kill()
    const [name] = (await survivor.list(directory)).filter((file) => file.endsWith('.open'))
    const path = `${directory}/${name}`
    const bytes = Buffer.from(survivor.contentOf(path))
    const frames = [bytes.indexOf('FRM1'), bytes.lastIndexOf('FRM1')]
    bytes.writeUInt8(bytes.readUInt8((frames[0] ?? 0) + 41) ^ 1, (frames[0] ?? 0) + 41)
    survivor.place(path, bytes)

    const { ledger, batches } = await start(survivor)

    assert.equal(batches[0]?.recordCount, 2)
    assert.deepEqual(
      [1, 2].map((n) => ledger.isStored(aSlice(n).key)),
      [false, true],
    )
  })

  it('of many batches are restored up to what can be remembered, the newest first', async () => {
    const disk = new MemoryFileSystem()
    const { store, ledger } = await start(disk)
    for (let n = 0; n < 30; n += 1) {
      const open = await store.open(aDestination(), exactlyOnce)
      const slices = Array.from({ length: 100 }, (_, i) => aSlice(n * 100 + i))
      await open.append(frameOf(['{"n":1}'], slices))
      ledger.store(slices)
      await open.seal()
    }
    const restarted = await start(disk.kill())
    const isStored = (n: number) => restarted.ledger.isStored(aSlice(n).key)
    assert.deepEqual(
      [isStored(2_999), isStored(2_000), isStored(1_999), isStored(0)],
      [true, true, false, false],
    )
  })

  it('are let go when the disk refuses to keep them for long, so that settled batches free it', async () => {
    const disk = new MemoryFileSystem()
    const { open, clock, fatal } = await twoRequests(disk)
    const sealed = await open.seal()
    disk.freeBytes = 0
    const removed = sealed?.remove()
    await clock.advanceAndSettle(10_000)
    await removed

    assert.deepEqual(fatal, [])
    assert.deepEqual(
      (await disk.list(directory)).filter((name) => name.endsWith('.batch')),
      [],
    )
  })

  it('stop the process when their sync fails, and keep the batch', async () => {
    const disk = new MemoryFileSystem()
    const { open, fatal } = await twoRequests(disk)
    const sealed = await open.seal()
    disk.fail({ operation: 'sync', path: '.keys' })
    await assert.rejects(async () => sealed?.remove(), { code: 'JOURNAL_SYNC_FAILED' })

    assert.equal(fatal.length, 1)
    assert.equal((await start(disk.crash())).batches.length, 1)
  })

  it('take no more disk than twice what is remembered at most', async () => {
    const disk = new MemoryFileSystem()
    const { store, ledger, clock } = await start(disk)
    let n = 0
    for (let batch = 0; batch < 60; batch += 1) {
      const open = await store.open(aDestination(), exactlyOnce)
      const slices = Array.from({ length: 500 }, () => aSlice((n += 1)))
      await open.append(frameOf(['{"n":1}'], slices))
      ledger.store(slices)
      await (await open.seal())?.remove()
      await clock.advanceAndSettle(600_000)
    }
    const names = (await disk.list(directory)).filter((name) => name.endsWith('.keys'))
    const bytes = names.reduce((sum, name) => sum + disk.contentOf(`${directory}/${name}`).length, 0)
    // maxKeys is 1,000 and a slice takes 48 bytes; a segment is ended after half a window, which is three batches here.
    assert.ok(bytes < (1_000 + 2 * 4 * 500) * 50, `${bytes} bytes in ${names.length} files`)
  })

  it('are not written for destinations that need none, so that an older program can read the file', async () => {
    const disk = new MemoryFileSystem()
    const { store } = await startStore(disk)
    await (await store.open(aDestination())).append(aFrame(['{"n":1}']))
    const [name] = (await disk.list(directory)).filter((file) => file.endsWith('.open'))
    assert.equal(disk.contentOf(`${directory}/${name}`).readUInt32LE(8), 1)
  })
})
