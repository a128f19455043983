import assert from 'node:assert/strict'
import { recordCount, splitBlock, type RecordBlock } from '../core/record-block.ts'

/**
 * One request on its way into frames. Its block may be cut over several frames, even over several batches; it is through when
 * each of its records is.
 */
export class PendingRequest {
  readonly done: Promise<void>
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  #recordsLeft: number

  constructor(recordsCount: number) {
    assert(recordsCount > 0)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#recordsLeft = recordsCount
  }

  recordsDone(count: number): void {
    assert(count <= this.#recordsLeft)
    this.#recordsLeft -= count
    if (this.#recordsLeft === 0) this.#resolve()
  }

  fail(error: unknown): void {
    this.#reject(error)
  }
}

export type PendingPart = { readonly request: PendingRequest; readonly block: RecordBlock }

/** Parts that together become one frame. */
export type Group = {
  readonly parts: readonly PendingPart[]
  readonly recordCount: number
  readonly rawBytes: number
}

export type GroupLimit = {
  /** Room in the batch. */
  readonly maxRecords: number
  readonly maxBytes: number
  /** A group is closed at about this size. */
  readonly targetBytes: number
  /** In an empty batch one record is taken however large it is: it has to go somewhere. */
  readonly isBatchEmpty: boolean
}

/** Blocks that wait for their frame, in the order in which they came. */
export class PendingQueue {
  #parts: PendingPart[] = []
  rawBytes = 0

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  push(part: PendingPart): void {
    this.#parts.push(part)
    this.rawBytes += part.block.bytes.length
  }

  /** Puts a group back to the front: it could not be written, and nobody else has its records any more. */
  putBack(group: Group): void {
    this.#parts = [...group.parts, ...this.#parts]
    this.rawBytes += group.rawBytes
  }

  clear(): PendingPart[] {
    const parts = this.#parts
    this.#parts = []
    this.rawBytes = 0
    return parts
  }

  /** Takes records from the front until a limit is reached; none when the first one does not fit into the batch. */
  take(limit: GroupLimit): Group {
    const parts: PendingPart[] = []
    let records = 0
    let rawBytes = 0
    let index = 0
    for (; index < this.#parts.length; index += 1) {
      const part = this.#parts[index]
      assert(part !== undefined)
      const maxRecords = limit.maxRecords - records
      const maxBytes = Math.min(limit.targetBytes, limit.maxBytes) - rawBytes
      if (maxRecords <= 0 || maxBytes <= 0) break
      const { head, tail } = cut(part.block, maxRecords, maxBytes, records === 0 ? limit : undefined)
      if (recordCount(head) === 0) break
      parts.push({ request: part.request, block: head })
      records += recordCount(head)
      rawBytes += head.bytes.length
      if (recordCount(tail) > 0) {
        this.#parts[index] = { request: part.request, block: tail }
        break
      }
    }
    this.#parts.splice(0, index)
    this.rawBytes -= rawBytes
    return { parts, recordCount: records, rawBytes }
  }
}

/** `firstOf` is given for the first record of a group, which may be larger than the target. */
function cut(
  block: RecordBlock,
  maxRecords: number,
  maxBytes: number,
  firstOf: GroupLimit | undefined,
): { head: RecordBlock; tail: RecordBlock } {
  const pieces = splitBlock(block, maxRecords, maxBytes)
  if (recordCount(pieces.head) > 0 || firstOf === undefined) return pieces
  return splitBlock(block, 1, firstOf.isBatchEmpty ? Infinity : firstOf.maxBytes)
}
