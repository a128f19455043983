import { firstCheckpointSequence } from '../core/batch-id.ts'
import type { TargetPurpose } from '../core/destination.ts'

/**
 * Gives each batch of a process its number. Numbers of batches that were never made are given again, so that a disk that refuses for an hour leaves
 * no holes in the checkpoint table.
 */
export class Sequences {
  readonly #next = { records: 0, checkpoint: firstCheckpointSequence }
  readonly #returned: Record<TargetPurpose, number[]> = { records: [], checkpoint: [] }

  take(purpose: TargetPurpose): number {
    const returned = this.#returned[purpose].pop()
    if (returned !== undefined) return returned
    const sequence = this.#next[purpose]
    this.#next[purpose] += 1
    return sequence
  }

  /** Nothing was made under this number. */
  giveBack(purpose: TargetPurpose, sequence: number): void {
    this.#returned[purpose].push(sequence)
  }
}
