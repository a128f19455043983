import type { RequestMark, RequestSlice } from '../../sidecar/core/request-slice.ts'
import { settledWhenQueued, type Settlement } from '../../sidecar/core/settlement.ts'

export const exactlyOnce: Settlement = { ...settledWhenQueued, isExactlyOnce: true, isPolled: true }

export function aMark(n: number, overrides: Partial<RequestMark> = {}): RequestMark {
  const key = n.toString(16).padStart(32, '0')
  return { key, connection: '', requestNumber: 1, fingerprint: 7, ...overrides }
}

/** By default a whole request of one part. */
export function aSlice(n: number, overrides: Partial<RequestSlice> = {}): RequestSlice {
  const recordCount = overrides.recordCount ?? 1
  return {
    ...aMark(n),
    part: 0,
    partCount: 1,
    partRecords: recordCount,
    firstRecord: 0,
    recordCount,
    ...overrides,
  }
}
