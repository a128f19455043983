/**
 * When a batch counts as settled, and how that is learned. It is written into the header of the batch's file, so that a batch is
 * brought to its end as it was begun, whatever the configuration says after a restart.
 */
export type Settlement = {
  /**
   * The batch carries its id as an `ingest-by:` tag, has never two messages under way, and is settled only when Kusto said how its
   * ingestion ended.
   */
  readonly isExactlyOnce: boolean
  /** Kusto is asked how the ingestion ended. Always with `isExactlyOnce`. */
  readonly isPolled: boolean
  /** Between two questions for the same batch, at first. */
  readonly pollIntervalMs: number
  /** Silence for so long after a message: at-least-once stops asking, exactly-once takes the message for lost. */
  readonly pollTimeoutMs: number
  /**
   * The rows go into a table beside that of the batch, whose name has this after it, and are moved from there when all of them are in it.
   * Undefined: they go into the table itself. Only with `isExactlyOnce`.
   */
  readonly stagingTableSuffix?: string
}

/** Settled as soon as the message is in Kusto's queue. */
export const settledWhenQueued: Settlement = {
  isExactlyOnce: false,
  isPolled: false,
  pollIntervalMs: 5_000,
  pollTimeoutMs: 300_000,
}
