/**
 * What becomes of a blob after its ingestion. In the service the containers for temporary data expire; here the last blobs are kept, for
 * a look at what was uploaded, and older ones go, so that a long run does not fill the memory.
 */
import type { Outcome } from './outcome.ts'
import type { IngestionMessage } from './message.ts'

const maxBlobs = 1_000
const maxRawBytes = 1024 ** 3

export function retainBlobs(
  deleteBlob: (url: string) => Promise<void>,
): (message: IngestionMessage, outcome: Outcome) => Promise<void> {
  const retained: { url: string; rawBytes: number }[] = []
  let total = 0
  return async (message, { status, rawBytes }) => {
    if (status === 'Succeeded' && !message.retainBlobOnSuccess) return deleteBlob(message.blobUrl)
    retained.push({ url: message.blobUrl, rawBytes })
    total += rawBytes
    while (retained.length > maxBlobs || total > maxRawBytes) {
      const oldest = retained.shift()
      if (oldest === undefined) return
      total -= oldest.rawBytes
      await deleteBlob(oldest.url)
    }
  }
}
