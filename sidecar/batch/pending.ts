import assert from 'node:assert/strict'
import { recordCount, sliceBlock, type RecordBlock, type RecordSlice } from '../core/record-block.ts'
import type { RequestMark, RequestPart, RequestSlice } from '../core/request-slice.ts'

/**
 * One request on its way into frames. Its block may be cut over several frames, even over several batches; it is through when
 * each of its records is, well or badly, and not before: then nothing of it is in work any more.
 */
export class PendingRequest {
  readonly done: Promise<void>
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  #recordsLeft: number
  #failure: { readonly error: unknown } | undefined

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
    if (this.#recordsLeft > 0) return
    if (this.#failure === undefined) this.#resolve()
    else this.#reject(this.#failure.error)
  }

  /** `done` rejects with the first error. */
  recordsFailed(count: number, error: unknown): void {
    this.#failure ??= { error }
    this.recordsDone(count)
  }
}

/** Where the first record of a block is in a request that is remembered. */
export type BlockOrigin = RequestMark & RequestPart & { readonly firstRecord: number }

/** Records of one request that are in one frame. */
export type PendingSlice = RecordSlice & {
  readonly request: PendingRequest
  readonly origin: RequestSlice | undefined
}

/** Slices that together become one frame. */
export type Group = {
  readonly slices: readonly PendingSlice[]
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

type Waiting = {
  readonly request: PendingRequest
  readonly block: RecordBlock
  readonly origin: BlockOrigin | undefined
  nextRecord: number
}

/** Records that wait for their frame, in the order in which they came. */
export class PendingQueue {
  #waiting: Waiting[] = []
  /** Slices that were taken and given back; they go first. */
  #returned: PendingSlice[] = []
  rawBytes = 0

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#returned.length === 0
  }

  push(request: PendingRequest, block: RecordBlock, origin?: BlockOrigin): void {
    this.#waiting.push({ request, block, origin, nextRecord: 0 })
    this.rawBytes += block.bytes.length
  }

  /** Takes a group back that could not be written, when nobody else has its records any more. */
  putBack(group: Group): void {
    this.#returned.push(...group.slices)
    this.rawBytes += group.rawBytes
  }

  /** Takes everything out and fails the requests. */
  failAll(error: unknown): void {
    const returned = this.#returned
    const waiting = this.#waiting
    this.#waiting = []
    this.#returned = []
    this.rawBytes = 0
    for (const { request, recordCount: count } of returned) request.recordsFailed(count, error)
    for (const { request, block, nextRecord } of waiting)
      request.recordsFailed(recordCount(block) - nextRecord, error)
  }

  /** Takes records from the front until a limit is reached; none when the first one does not fit into the batch. */
  take(limit: GroupLimit): Group {
    const group = new GroupBuilder(limit)
    while (this.#returned[0] !== undefined && group.addWhole(this.#returned[0])) this.#returned.shift()
    if (this.#returned.length === 0) {
      let through = 0
      for (const waiting of this.#waiting) {
        if (!group.addFrom(waiting)) break
        through += 1
      }
      this.#waiting.splice(0, through)
    }
    this.rawBytes -= group.rawBytes
    return group
  }
}

class GroupBuilder implements Group {
  readonly slices: PendingSlice[] = []
  recordCount = 0
  rawBytes = 0
  readonly #limit: GroupLimit

  constructor(limit: GroupLimit) {
    this.#limit = limit
  }

  /** Adds a slice that cannot be cut again; false when it does not fit. */
  addWhole(slice: PendingSlice): boolean {
    const isFirst = this.recordCount === 0 && this.#limit.isBatchEmpty
    const fits =
      slice.recordCount <= this.#maxRecords && slice.bytes.length <= this.#limit.maxBytes - this.rawBytes
    if (!fits && !isFirst) return false
    this.#add(slice)
    return true
  }

  /** Adds what fits; true when nothing of it is left. */
  addFrom(waiting: Waiting): boolean {
    const { request, block } = waiting
    const maxBytes = Math.min(this.#limit.targetBytes, this.#limit.maxBytes) - this.rawBytes
    if (this.#maxRecords <= 0 || maxBytes <= 0 || this.#isBestClosedBefore(waiting, maxBytes)) return false
    let slice = sliceBlock(block, waiting.nextRecord, this.#maxRecords, maxBytes)
    if (slice.recordCount === 0 && this.recordCount === 0) {
      slice = sliceBlock(
        block,
        waiting.nextRecord,
        1,
        this.#limit.isBatchEmpty ? Infinity : this.#limit.maxBytes,
      )
    }
    if (slice.recordCount === 0) return false
    const origin = waiting.origin && {
      ...waiting.origin,
      firstRecord: waiting.origin.firstRecord + waiting.nextRecord,
      recordCount: slice.recordCount,
    }
    waiting.nextRecord += slice.recordCount
    this.#add({ ...slice, request, origin })
    return waiting.nextRecord === recordCount(block)
  }

  /** A group of one slice is compressed where it lies, while a part of the next block makes it a copy. */
  #isBestClosedBefore({ block, nextRecord }: Waiting, maxBytes: number): boolean {
    const restBytes = block.bytes.length - (nextRecord === 0 ? 0 : (block.ends[nextRecord - 1] as number))
    return this.rawBytes >= this.#limit.targetBytes / 2 && restBytes > maxBytes
  }

  get #maxRecords(): number {
    return this.#limit.maxRecords - this.recordCount
  }

  #add(slice: PendingSlice): void {
    this.slices.push(slice)
    this.recordCount += slice.recordCount
    this.rawBytes += slice.bytes.length
  }
}
