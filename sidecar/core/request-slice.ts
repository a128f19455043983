/**
 * Which records of which request are in a frame. Shippers send a request again when they did not see the answer; what is
 * remembered of the first makes the second store only what is missing.
 */

/** Equal for a request and its retry: 16 bytes as lower-case hex. */
export type RequestKey = string

/** One arrival of a request. */
export type RequestMark = {
  readonly key: RequestKey
  /**
   * 8 bytes as lower-case hex, random for each connection whose next request proves that the answer before it was read; empty
   * for every other connection.
   */
  readonly connection: string
  /** Counts the requests of the connection, from 1. */
  readonly requestNumber: number
  /**
   * Made from all that decides how a body is cut into parts (the configuration, the version). Records are only told apart by their place
   * in a part, so what was stored under another fingerprint counts only when it was the whole request.
   */
  readonly fingerprint: number
}

/** The records of a request for one destination. */
export type RequestPart = {
  /** From 0. */
  readonly part: number
  readonly partCount: number
  readonly partRecords: number
}

/** A run of records of one part. */
export type RecordRange = { readonly firstRecord: number; readonly recordCount: number }

export type RequestSlice = RequestMark & RequestPart & RecordRange
