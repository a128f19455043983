import { SidecarError } from '../core/errors.ts'

/** Counts the bytes of a journal directory against `journal.max_disk_mb`. */
export class DiskUsage {
  readonly #directory: string
  readonly #maxBytes: number
  readonly #onChange: (bytes: number) => void
  #bytes = 0

  constructor(options: { directory: string; maxBytes: number; onChange: (bytes: number) => void }) {
    this.#directory = options.directory
    this.#maxBytes = options.maxBytes
    this.#onChange = options.onChange
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws JOURNAL_FULL. An empty journal takes anything, or what is larger than the limit could never even be tried. */
  ensureRoom(bytesCount: number): void {
    if (this.#bytes > 0) this.#ensureBelowLimit(bytesCount)
  }

  /** Throws JOURNAL_FULL. */
  reserve(bytesCount: number): void {
    this.#ensureBelowLimit(bytesCount)
    this.count(bytesCount)
  }

  /** For what has to be written, or is there already, whatever the limit. Negative when it is gone. */
  count(bytesCount: number): void {
    this.#bytes += bytesCount
    this.#onChange(this.#bytes)
  }

  #ensureBelowLimit(bytesCount: number): void {
    if (this.#bytes + bytesCount <= this.#maxBytes) return
    const message = `The journal ${this.#directory} is full (it holds ${this.#bytes} bytes, ${bytesCount} more might be needed, and journal.max_disk_mb is ${this.#maxBytes} bytes). Senders are told to try again until Kusto takes batches.`
    throw new SidecarError('JOURNAL_FULL', message)
  }
}
