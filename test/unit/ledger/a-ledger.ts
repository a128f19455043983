import type { RequestSlice } from '../../../sidecar/core/request-slice.ts'
import { MemoryLedger } from '../../../sidecar/ledger/memory-ledger.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

export const windowMs = 60_000

export async function aLedger({ maxKeys = 1_000 } = {}) {
  const clock = new ManualClock()
  const metrics = createMetrics()
  const logLines: string[] = []
  const log = await createLog(
    { level: 'info', format: 'json' },
    { write: (line: string) => void logLines.push(line) },
  )
  const ledger = new MemoryLedger({ maxKeys, windowMs, clock, metrics, log })
  const evictedCount = async () => (await metrics.ledgerEvictedRequests.get()).values[0]?.value ?? 0
  const rememberedCount = async () => (await metrics.ledgerRequests.get()).values[0]?.value ?? 0
  return { ledger, clock, logLines, evictedCount, rememberedCount }
}

/** The key that a short name stands for. */
export function keyOf(name: string | number): string {
  return Buffer.from(String(name)).toString('hex').padStart(32, '0')
}

/** All of a request of one part and three records, unless it says otherwise. */
export function aSlice(name: string | number, more: Partial<RequestSlice> = {}): RequestSlice {
  const partRecords = more.partRecords ?? 3
  return {
    key: keyOf(name),
    connection: '',
    requestNumber: 1,
    fingerprint: 1,
    part: 0,
    partCount: 1,
    partRecords,
    firstRecord: 0,
    recordCount: partRecords,
    ...more,
  }
}
