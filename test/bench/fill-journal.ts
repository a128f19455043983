/** A journal made by the store itself: frames of 100 KB that do not compress. */
import { randomBytes } from 'node:crypto'
import type { FileSystem, Frame, RequestLedger } from '../../sidecar/core/ports.ts'
import { DiskStore } from '../../sidecar/journal/disk-store.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { systemClock } from '../../sidecar/platform/clock.ts'
import { systemFileSystem } from '../../sidecar/platform/file-system.ts'
import { systemRandom } from '../../sidecar/platform/random.ts'
import { aDestination } from '../helpers/batches.ts'
import { aSlice, exactlyOnce } from '../helpers/requests.ts'

const payloadBytes = 100_000

type Filling = {
  readonly gb: number
  readonly batchesCount: number
  /** So many of them stay without a seal, as after kill -9. */
  readonly openCount: number
  readonly requestsPerFrame: number
}

export async function fillJournal(
  directory: string,
  { gb, batchesCount, openCount, requestsPerFrame }: Filling,
): Promise<{ bytesCount: number; requestsCount: number }> {
  const store = await startStore(directory)
  const framesCount = Math.max(1, Math.round((gb * 1e9) / batchesCount / payloadBytes))
  // The same in all frames: nothing at a start looks into a payload.
  const payload = randomBytes(payloadBytes)
  let requestsCount = 0
  const nextFrame = (): Frame => {
    const requests = Array.from({ length: requestsPerFrame }, (_, n) =>
      aSlice(requestsCount + n, { recordCount: 100, partRecords: 100 }),
    )
    requestsCount += requestsPerFrame
    return { recordCount: 1_000, rawBytes: 1_000_000, rawCrc32: 1, payload, requests }
  }
  for (let n = 0; n < batchesCount; n += 1) {
    const batch = await store.open(aDestination({ table: `Table${n % 20}` }), exactlyOnce)
    for (let frame = 0; frame < framesCount; frame += 1) await batch.append(nextFrame())
    if (n < batchesCount - openCount) await batch.seal()
  }
  await store.close()
  return { bytesCount: batchesCount * framesCount * payloadBytes, requestsCount }
}

export function startStore(
  directory: string,
  fileSystem: FileSystem = systemFileSystem,
  ledger: RequestLedger = rememberAll(() => undefined),
): Promise<DiskStore> {
  return DiskStore.start({
    directory,
    maxDiskBytes: 1e12,
    syncIntervalMs: 500,
    ledger,
    dedupWindowMs: 3_600_000,
    dedupMaxKeys: 1e9,
    fileSystem,
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    metrics: createMetrics(),
    onFatal: (error) => {
      throw error
    },
  })
}

/** The ledger itself is measured elsewhere. */
export function rememberAll(onRestored: (count: number) => void): RequestLedger {
  return {
    isStored: () => false,
    forget: () => undefined,
    missing: () => [],
    store: () => undefined,
    restore: (slices) => onRestored(slices.length),
    isLive: () => true,
  }
}
