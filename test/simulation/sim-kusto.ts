import { gunzipSync } from 'node:zlib'
import { SidecarError } from '../../sidecar/core/errors.ts'
import type { KustoGateway, SealedBatch, UploadedBlob } from '../../sidecar/core/ports.ts'
import type { SeededRandom } from '../fakes/seeded-random.ts'

/** Kusto in the simulation: keeps blobs, counts the records that messages made known, and fails as often as it is told. */
export class SimKusto implements KustoGateway {
  readonly blobs = new Map<string, string[]>()
  /** How often each record was made known. */
  readonly delivered = new Map<string, number>()
  /** Violations of the limits of a batch. */
  readonly complaints: string[] = []
  /** The chance that a call fails, half of the time after it had its effect. */
  faultRate = 0
  readonly #random: SeededRandom
  readonly #maxRecords: number

  constructor(random: SeededRandom, maxRecords: number) {
    this.#random = random
    this.#maxRecords = maxRecords
  }

  async upload(batch: SealedBatch): Promise<UploadedBlob> {
    this.#mayFail()
    const pieces: Buffer[] = []
    for await (const piece of batch.read()) pieces.push(piece)
    const blob = Buffer.concat(pieces)
    const lines = gunzipSync(blob).toString('utf8').split('\n')
    if (lines.pop() !== '') this.complaints.push(`${batch.id}: the last record has no newline`)
    if (blob.length !== batch.blobBytes)
      this.complaints.push(`${batch.id}: ${blob.length} bytes, said ${batch.blobBytes}`)
    if (lines.length !== batch.recordCount)
      this.complaints.push(`${batch.id}: ${lines.length} records, said ${batch.recordCount}`)
    if (lines.length > this.#maxRecords)
      this.complaints.push(`${batch.id}: ${lines.length} records are over the limit`)
    const before = this.blobs.get(batch.id)
    if (before !== undefined && before.join() !== lines.join())
      this.complaints.push(`${batch.id}: the content of a sealed batch changed`)
    this.blobs.set(batch.id, lines)
    this.#mayFail()
    return { url: batch.id }
  }

  async enqueue(_batch: SealedBatch, blob: UploadedBlob): Promise<void> {
    this.#mayFail()
    for (const line of this.blobs.get(blob.url) ?? [])
      this.delivered.set(line, (this.delivered.get(line) ?? 0) + 1)
    this.#mayFail()
  }

  async probe(): Promise<void> {}

  trouble() {
    return {}
  }

  async close(): Promise<void> {}

  #mayFail(): void {
    if (this.#random.next() >= this.faultRate / 2) return
    throw new SidecarError(this.#random.next() < 0.5 ? 'KUSTO_UNAVAILABLE' : 'KUSTO_THROTTLED', 'simulated')
  }
}
