import type { BatchId, FileSystem, Random } from '../core/ports.ts'
import { batchIdOf } from '../core/batch-id.ts'
import { orderedName } from './file-names.ts'
import { writeIdentity, type WriterIdentity } from './writer-identity.ts'

/** The names that this start gives to batches and files: none of them was given before, or will be again. */
export class WriterEpoch {
  readonly identity: WriterIdentity
  readonly #fileSystem: FileSystem
  readonly #directory: string
  /** Told apart from every other start, also from that of a copied directory, which has the same writer and epoch. */
  readonly #nonce: string
  #claiming: Promise<void> | undefined
  #keySegments = 0

  constructor(
    options: { readonly fileSystem: FileSystem; readonly directory: string; readonly random: Random },
    identity: WriterIdentity,
  ) {
    this.identity = identity
    this.#fileSystem = options.fileSystem
    this.#directory = options.directory
    this.#nonce = options.random.hex(4)
  }

  batchId(sequence: number): BatchId {
    return batchIdOf({ ...this.identity, nonce: this.#nonce, sequence })
  }

  /** Resolves when no later start can have the same epoch. Only now, and not at start: a full disk must not keep a process from delivering what fills it. */
  async claim(): Promise<void> {
    this.#claiming ??= writeIdentity(this.#fileSystem, this.#directory, this.identity).catch(
      (error: unknown) => {
        this.#claiming = undefined
        throw error
      },
    )
    await this.#claiming
  }

  async nextKeySegment(): Promise<string> {
    await this.claim()
    this.#keySegments += 1
    return orderedName(this.identity.epoch, this.#keySegments)
  }
}
