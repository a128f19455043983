import assert from 'node:assert/strict'
import { DiskStore } from '../../sidecar/journal/disk-store.ts'
import type { FileSystem, Frame, RequestLedger, SealedBatch } from '../../sidecar/core/ports.ts'
import type { SidecarError } from '../../sidecar/core/errors.ts'
import { createLog } from '../../sidecar/observability/log.ts'
import { createMetrics, type Metrics } from '../../sidecar/observability/metrics.ts'
import { ManualClock } from '../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../fakes/memory-file-system.ts'
import { SeededRandom } from '../fakes/seeded-random.ts'
import { aDestination, aFrame, recordsOf } from './batches.ts'

export const directory = '/journal'

export type Started = {
  store: DiskStore
  clock: ManualClock
  fatal: SidecarError[]
  metrics: Metrics
  logged: { level: string; event: string; msg: string }[]
}

/** Starts a store with a clock of its own. */
export async function startStore(
  fileSystem: FileSystem,
  overrides: { directory?: string; maxDiskBytes?: number; seed?: number; ledger?: RequestLedger } = {},
): Promise<Started> {
  const clock = new ManualClock()
  const fatal: SidecarError[] = []
  const metrics = createMetrics()
  const logged: Started['logged'] = []
  const write = (line: string) => void logged.push(JSON.parse(line) as Started['logged'][number])
  const store = await DiskStore.start({
    directory: overrides.directory ?? directory,
    maxDiskBytes: overrides.maxDiskBytes ?? 1_000_000_000,
    syncIntervalMs: 500,
    ledger: overrides.ledger,
    dedupWindowMs: 3_600_000,
    dedupMaxKeys: 1_000,
    fileSystem,
    clock,
    random: new SeededRandom(overrides.seed ?? 1),
    log: await createLog({ level: 'info', format: 'json' }, { write }),
    metrics,
    onFatal: (error) => fatal.push(error),
  })
  return { store, clock, fatal, metrics, logged }
}

/** The only file of the journal with this suffix. */
export async function fileOf(
  fileSystem: MemoryFileSystem,
  suffix: string,
): Promise<{ path: string; bytes: Buffer }> {
  const names = (await fileSystem.list(directory)).filter((name) => name.endsWith(suffix))
  assert.equal(names.length, 1, `one ${suffix} in ${names.join()}`)
  const path = `${directory}/${names[0]}`
  const file = await fileSystem.open(path, 'read')
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return { path, bytes }
}

/** A disk that holds only this file. */
export async function diskWith(path: string, bytes: Buffer): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem()
  await disk.makeDirectory(directory)
  const file = await disk.open(path, 'create')
  await file.write([bytes], 0)
  await file.close()
  return disk
}

/** Starts a store on what is there and reads every record that it found. */
export async function recoverFrom(
  disk: MemoryFileSystem,
  overrides: { seed?: number } = {},
): Promise<Started & { batches: SealedBatch[]; records: string[] }> {
  const started = await startStore(disk, overrides)
  const batches = await started.store.recover()
  const records: string[] = []
  for (const batch of batches) records.push(...(await recordsOf(batch)))
  return { ...started, batches, records }
}

/** The bytes of an open batch with these frames, and where each frame ends. */
export async function openFileOf(
  frames: readonly Frame[],
): Promise<{ path: string; bytes: Buffer; frameEnds: number[] }> {
  const disk = new MemoryFileSystem()
  const { store } = await startStore(disk)
  const batch = await store.open(aDestination())
  const frameEnds: number[] = [(await fileOf(disk, '.open')).bytes.length]
  for (const frame of frames) {
    await batch.append(frame)
    frameEnds.push((await fileOf(disk, '.open')).bytes.length)
  }
  return { ...(await fileOf(disk, '.open')), frameEnds }
}

export const threeFrames = [
  aFrame(['{"n":1}', '{"n":2}']),
  aFrame(['{"n":3}']),
  aFrame(['{"n":4}', '{"n":5}', '{"n":6}']),
]
/** How many records the first n of these frames hold. */
export const recordsUpTo = [0, 2, 3, 6]
export const allRecords = ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}', '{"n":5}', '{"n":6}']
