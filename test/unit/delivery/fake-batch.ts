import { gzipSync } from 'node:zlib'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { settledWhenQueued } from '../../../sidecar/core/settlement.ts'
import { aDestination } from '../../helpers/batches.ts'

/** A sealed batch that is in no journal. */
export function aSealedBatch(
  overrides: Partial<SealedBatch> & { table?: string; records?: readonly string[] } = {},
): SealedBatch {
  const { table = 'App', records = ['{"n":1}'], ...rest } = overrides
  const blob = gzipSync(records.map((record) => `${record}\n`).join(''))
  return {
    id: 'w:1.n:0',
    destination: aDestination({ table }),
    settlement: settledWhenQueued,
    sending: undefined,
    recordCount: records.length,
    rawBytes: 1,
    blobBytes: blob.length,
    receivedAtMs: 0,
    lastReceivedAtMs: undefined,
    replaces: [],
    async *read() {
      yield blob
    },
    recordSending: async () => undefined,
    remove: async () => undefined,
    repair: async () => undefined,
    ...rest,
  }
}
