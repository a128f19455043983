/** What a test can make go wrong, by setting these fields while the local Kusto runs. */
import type { StorageService } from './storage/azurite.ts'

/** How an HTTP endpoint behaves: `throttle` answers 429 (storage: 503 ServerBusy), `error` 500, `forbid` 403, `hang` never answers. */
export type EndpointFault = 'none' | 'throttle' | 'error' | 'forbid' | 'hang'

type IngestionFailure = {
  readonly errorCode: string
  readonly failureStatus: 'Permanent' | 'Transient' | 'Exhausted'
  /** `Failed` when it is left out. */
  readonly status?: 'Succeeded' | 'Failed' | 'PartiallySucceeded'
  /** So many of its first rows are ingested all the same. 0 when it is left out. */
  readonly rowCount?: number
}

export type Faults = {
  /** `.get` commands on `/v1/rest/mgmt`. */
  dataManagement: EndpointFault
  /** Queries and all other commands. */
  engine: EndpointFault
  /** Every request to the service, of clients and of Data Management itself. */
  storage: Record<StorageService, EndpointFault>
  /**
   * So many of the next requests by which a client changes something (puts or deletes a blob, posts a message, writes a row) are done, and
   * the connection is cut in place of an answer. `Infinity` goes on until it is set to 0.
   */
  lostReplies: Record<StorageService, number>
  /** So many of the next commands to the engine that move, drop, create or alter are done, and the connection is cut in place of an answer. */
  lostCommands: number
  /** `expired`: the SAS that are handed out ended an hour ago. Those handed out before stay good. */
  sas: 'valid' | 'expired'
  /** Stops the consumption of the queues; messages stay where they are. */
  pauseIngestion: boolean
  /** How much longer a message waits before it is ingested, also one with FlushImmediately. For messages that are taken from then on. */
  ingestionDelayMs: number
  /** So many of the next messages are taken from their queue when they are due, and then nothing more is heard of them. */
  lostMessages: number
  /** `ingestIfNotExists` is not looked at, as if every message were ingested at the same moment as the others with its tag. */
  raceTags: boolean
  /** Taken from the front, one an ingestion, each in place of ingesting anything, or all but `rowCount` rows. */
  nextIngestions: IngestionFailure[]
  /** What a blob reports that was skipped for its tag. Sources disagree about the status, so a client must take both. */
  skippedStatus: 'Skipped' | 'Failed'
}

export function noFaults(): Faults {
  return {
    dataManagement: 'none',
    engine: 'none',
    storage: { blob: 'none', queue: 'none', table: 'none' },
    lostReplies: { blob: 0, queue: 0, table: 0 },
    lostCommands: 0,
    sas: 'valid',
    pauseIngestion: false,
    ingestionDelayMs: 0,
    lostMessages: 0,
    raceTags: false,
    nextIngestions: [],
    skippedStatus: 'Skipped',
  }
}
