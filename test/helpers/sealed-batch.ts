import { gzipSync } from 'node:zlib'
import type { Destination } from '../../sidecar/core/destination.ts'
import type { BatchId, SealedBatch, Sending, UploadedBlob } from '../../sidecar/core/ports.ts'
import { settledWhenQueued, type Settlement } from '../../sidecar/core/settlement.ts'
import { aBlock, aDestination } from './batches.ts'

export const settledWhenIngestedOnce: Settlement = {
  ...settledWhenQueued,
  isExactlyOnce: true,
  isPolled: true,
}

let batchesCount = 0

/** A sealed batch that is in no journal; each has another id unless one is given. */
export function aSealedBatch({
  id = `w0:1.abcd:${(batchesCount += 1)}`,
  records = ['{"n":1}'],
  destination = {},
  settlement = settledWhenQueued,
}: {
  id?: BatchId
  records?: readonly string[]
  destination?: Partial<Destination>
  settlement?: Settlement
} = {}): SealedBatch {
  const { bytes } = aBlock(records)
  const blob = gzipSync(bytes)
  return {
    id,
    destination: aDestination(destination),
    settlement,
    sending: undefined,
    recordCount: records.length,
    rawBytes: bytes.length,
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
  }
}

export function aSending(blob: UploadedBlob, number = 0): Sending {
  return { number, blob, startedAtMs: 0 }
}
