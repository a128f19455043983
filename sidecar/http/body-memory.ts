/**
 * Memory for request bodies that is used again. Fresh buffers cost the zeroing of their pages, and V8, which counts their bytes but does
 * not see them die, collects all garbage each 64 MB: both together were a third of the CPU of a sidecar under load (decisions/0021).
 */
import assert from 'node:assert/strict'
import { bytesPerMb } from '../core/limits.ts'

/** Smaller bodies come in one part, which is not put together. */
const smallestBytes = 64 * 1024
/** What waits for the next bodies; more than this is given back. */
const keptMaxBytes = 16 * bytesPerMb
/** A collection of young objects takes half a millisecond. Without them the buffers grow old, and all objects have to be looked at. */
const collectionBytes = 4 * bytesPerMb
/** Each size is at most this much larger than the one below, so that little of a piece is left over. */
const growth = 1.25

/** The memory of one body. Whoever reads the body later than the holder before has to `hold` it. */
export interface BodyMemory {
  readonly bytes: Buffer
  /** Each `hold` needs one `release`. After the last one the bytes may be those of another body. */
  hold(): void
  release(): void
}

export type BodyMemoryOptions = {
  /** Frees buffers that died young, of which every large body leaves as many bytes as it has. Called each few megabytes. */
  readonly collectYoung?: () => void
  /** May spoil what nobody should read any more: a test of those who hold. */
  readonly onFree?: (bytes: Buffer) => void
}

export class BodyMemoryPool {
  /** Buffers that nobody holds, by their size. */
  readonly #free = new Map<number, Buffer[]>()
  #keptBytes = 0
  #bytesSinceCollection = 0
  readonly #options: BodyMemoryOptions

  constructor(options: BodyMemoryOptions = {}) {
    this.#options = options
  }

  /** Memory for `bytesCount` bytes, held once. */
  take(bytesCount: number): BodyMemory {
    this.noteGarbage(bytesCount)
    const size = sizeFor(bytesCount)
    const kept = this.#free.get(size)?.pop()
    if (kept !== undefined) this.#keptBytes -= size
    const whole = kept ?? Buffer.allocUnsafeSlow(size)
    return new PooledMemory(whole.subarray(0, bytesCount), () => this.#giveBack(whole))
  }

  #giveBack(whole: Buffer): void {
    this.#options.onFree?.(whole)
    if (whole.length > keptMaxBytes) return
    while (this.#keptBytes + whole.length > keptMaxBytes) this.#dropOne(whole.length)
    this.#keptBytes += whole.length
    const free = this.#free.get(whole.length)
    if (free === undefined) this.#free.set(whole.length, [whole])
    else free.push(whole)
  }

  /** To be told of buffers that somebody made for a body, and will leave behind. */
  noteGarbage(bytesCount: number): void {
    this.#bytesSinceCollection += bytesCount
    if (this.#bytesSinceCollection < collectionBytes) return
    this.#bytesSinceCollection = 0
    this.#options.collectYoung?.()
  }

  /** Of another size, if there is one: it may be that of a sender that is gone. */
  #dropOne(size: number): void {
    const sizes = [...this.#free.keys()].filter((kept) => (this.#free.get(kept)?.length ?? 0) > 0)
    const dropped = sizes.find((kept) => kept !== size) ?? size
    this.#free.get(dropped)?.pop()
    this.#keptBytes -= dropped
  }
}

class PooledMemory implements BodyMemory {
  readonly bytes: Buffer
  readonly #giveBack: () => void
  #holders = 1

  constructor(bytes: Buffer, giveBack: () => void) {
    this.bytes = bytes
    this.#giveBack = giveBack
  }

  hold(): void {
    assert(this.#holders > 0, 'memory that was given back is held by nobody')
    this.#holders += 1
  }

  release(): void {
    assert(this.#holders > 0, 'memory is given back once')
    this.#holders -= 1
    if (this.#holders === 0) this.#giveBack()
  }
}

/** A body in memory of its own, which the garbage collector takes care of. */
export function unpooled(bytes: Buffer): BodyMemory {
  return { bytes, hold: () => undefined, release: () => undefined }
}

function sizeFor(bytesCount: number): number {
  let size = smallestBytes
  while (size < bytesCount) size = Math.ceil((size * growth) / 4096) * 4096
  return size
}
