import type { Compress } from '../core/ports.ts'
import { limits } from '../core/limits.ts'
import type { Compressor } from './compressor.ts'
import { IsalJob, type IsalLevel } from './isal-job.ts'
import type { IsalLibrary } from './isal-library.ts'

/**
 * Up to here a piece is deflated at once, which takes up to 25 microseconds of the event loop. To hand it to a thread and hear of its end takes
 * 17 of them there, 16 more of CPU in all, and waits behind syncs of the disk, which use the same threads (see decisions/0019).
 */
const atOnceMaxBytes = 8 * 1024

/**
 * Deflate by Intel ISA-L: a third of the CPU that zlib takes, or less, for blobs that are no larger.
 *
 * What the library will not deflate, `fallback` does. It never said so in any test with a real one, but a piece that fails would be sent by
 * its shipper again, and fail again.
 */
export class IsalCompressor implements Compressor {
  readonly engine = 'isal'
  readonly library: string
  readonly #isal: IsalLibrary
  readonly #fallback: Compress
  readonly #level: IsalLevel
  /** As many as were ever in use at once, at most `limits.compressionsInFlight`. */
  readonly #idleJobs: IsalJob[] = []

  /** At level 2 blobs are as small as those of zlib at its level 1; level 1 takes about 10 % less CPU for blobs that are 4 % larger. */
  constructor(isal: IsalLibrary, fallback: Compress, level: IsalLevel = 2) {
    this.library = isal.name
    this.#isal = isal
    this.#fallback = fallback
    this.#level = level
  }

  readonly compress: Compress = async (rawBytes) => {
    const job = this.#idleJobs.pop() ?? new IsalJob(this.#isal, this.#level, limits.frameTargetRawBytes)
    job.start(rawBytes)
    // The frame of this function refers to the job, and the job to the bytes, until the call is over.
    const code =
      rawBytes.length <= atOnceMaxBytes
        ? this.#isal.deflate(job.stream)
        : await this.#isal.deflateAsync(job.stream)
    const piece = job.finish(code)
    if (this.#idleJobs.length < limits.compressionsInFlight) this.#idleJobs.push(job)
    return piece ?? this.#fallback(rawBytes)
  }
}
