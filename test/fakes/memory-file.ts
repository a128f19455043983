import type { SeededRandom } from './seeded-random.ts'

/** A write at a position, or a new length. */
export type Change = { readonly position: number; readonly bytes: Buffer } | { readonly length: number }

let identitiesCount = 0

/** Always of the same length, so that what is written of it does not depend on the tests before. */
function nextIdentity(): string {
  identitiesCount += 1
  return String(identitiesCount).padStart(12, '0')
}

/** The content of one file: what readers see, what is durable, and the changes in between. */
export class MemoryFile {
  readonly #current: GrowingBytes
  readonly #durable: GrowingBytes
  #unsynced: Change[] = []
  /** As an inode: its own for each file, and kept over a crash. */
  readonly identity: string

  constructor(durable: Buffer = Buffer.alloc(0), identity: string = nextIdentity()) {
    this.identity = identity
    this.#current = new GrowingBytes(durable)
    this.#durable = new GrowingBytes(durable)
  }

  /** What a reader sees; not a copy, and only good until the next change. */
  get content(): Buffer {
    return this.#current.view
  }

  apply(change: Change): void {
    this.#current.apply(change)
    this.#unsynced.push(change)
  }

  makeDurable(): void {
    for (const change of this.#unsynced) this.#durable.apply(change)
    this.#unsynced = []
  }

  /** The unsynced changes stay visible but will never be durable: what a failed fsync leaves behind. */
  forgetChanges(): void {
    this.#unsynced = []
  }

  contentAfterCrash(random: SeededRandom | undefined): Buffer {
    const content = new GrowingBytes(this.#durable.view)
    if (random === undefined) return content.view
    const wholeChangesCount = random.integer(this.#unsynced.length + 1)
    for (const change of this.#unsynced.slice(0, wholeChangesCount)) content.apply(change)
    const torn = this.#unsynced[wholeChangesCount]
    if (torn !== undefined && 'bytes' in torn) {
      content.apply({
        position: torn.position,
        bytes: torn.bytes.subarray(0, random.integer(torn.bytes.length + 1)),
      })
    }
    return content.view
  }
}

/** Bytes that grow by doubling, so that many small appends stay cheap. */
class GrowingBytes {
  #store: Buffer
  #length: number

  constructor(initial: Buffer) {
    this.#store = Buffer.from(initial)
    this.#length = initial.length
  }

  get view(): Buffer {
    return this.#store.subarray(0, this.#length)
  }

  apply(change: Change): void {
    if ('bytes' in change) {
      if (change.bytes.length === 0) return
      this.#setLength(Math.max(this.#length, change.position + change.bytes.length))
      change.bytes.copy(this.#store, change.position)
    } else {
      this.#setLength(change.length)
    }
  }

  /** Growing fills with zeros, also where older bytes lay before a truncation. */
  #setLength(length: number): void {
    if (length > this.#store.length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#store.length))
      this.view.copy(grown)
      this.#store = grown
    } else if (length < this.#length) {
      this.#store.fill(0, length, this.#length)
    }
    this.#length = length
  }
}
