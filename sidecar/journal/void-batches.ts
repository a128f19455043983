import { parseBatchId } from '../core/batch-id.ts'
import type { BatchId, Checkpoints, VoidBatch } from '../core/ports.ts'
import type { FileHeader } from './format.ts'

/** What is known of a batch; of a file whose header cannot be read only the id. */
type Known = Pick<FileHeader, 'batchId'> & Partial<FileHeader>

type Ending = { readonly batch: VoidBatch; readonly removeFile: () => Promise<void> }

/**
 * Ids under which nothing is delivered: each has its row in the checkpoint table before its file goes, so that a death in between makes the row
 * again. What is found at start waits until rows can be written. In a directory that is a copy, ids of the original get none: there they may
 * stand for records.
 */
export class VoidBatches {
  readonly #checkpoints: Pick<Checkpoints, 'voided'> | undefined
  readonly #found: Ending[] = []
  readonly #journal: { readonly isCopy: boolean; readonly writer: string }
  #isRecovering = true

  constructor(
    checkpoints: Pick<Checkpoints, 'voided'> | undefined,
    journal: { readonly isCopy: boolean; readonly writer: string },
  ) {
    this.#checkpoints = checkpoints
    this.#journal = journal
  }

  /** Nobody else delivers anything under this id. */
  isOurs(id: BatchId): boolean {
    const { isCopy, writer } = this.#journal
    return !isCopy || parseBatchId(id)?.writer === writer
  }

  /**
   * A batch that never held a record. `removeFile` is called at the end, or, while the journal is being recovered, later. A copy that is
   * empty was not finished, so what it was to replace is still there.
   */
  empty(known: Known, removeFile?: () => Promise<void>): Promise<void> {
    return this.#end(voidBatch(known.batchId, known, true), removeFile)
  }

  /** A damaged batch of which nothing was whole. */
  async lost(known: Known): Promise<void> {
    for (const id of [...(known.replaces ?? []), known.batchId]) await this.#end(voidBatch(id, known, false))
  }

  async #end(batch: VoidBatch, removeFile: () => Promise<void> = async () => undefined): Promise<void> {
    if (this.#checkpoints === undefined || !this.isOurs(batch.id)) return removeFile()
    if (this.#isRecovering) {
      this.#found.push({ batch, removeFile })
      return
    }
    await this.#checkpoints.voided(batch)
    await removeFile()
  }

  /** Ends what was found at start. Rejects when the process stops; the rest is then found again. */
  async endFound(): Promise<void> {
    this.#isRecovering = false
    for (const { batch, removeFile } of this.#found.splice(0)) await this.#end(batch, removeFile)
  }
}

function voidBatch(id: string, { destination, settlement }: Known, wasEmpty: boolean): VoidBatch {
  return { id, destination, settlement, wasEmpty }
}
