/** What a test can make go wrong, by setting these fields while the local Kusto runs. */
import type { StorageService } from './storage/azurite.ts'

/** How an HTTP endpoint behaves: `throttle` answers 429 (storage: 503 ServerBusy), `error` 500, `hang` never answers. */
export type EndpointFault = 'none' | 'throttle' | 'error' | 'hang'

type IngestionFailure = {
  readonly errorCode: string
  readonly failureStatus: 'Permanent' | 'Transient' | 'Exhausted'
  /** `Failed` when it is left out. */
  readonly status?: 'Failed' | 'PartiallySucceeded'
}

export type Faults = {
  /** `.get` commands on `/v1/rest/mgmt`. */
  dataManagement: EndpointFault
  /** Queries and all other commands. */
  engine: EndpointFault
  /** Every request to the service, of clients and of Data Management itself. */
  storage: Record<StorageService, EndpointFault>
  /** `expired`: the SAS that are handed out ended an hour ago. Those handed out before stay good. */
  sas: 'valid' | 'expired'
  /** Stops the consumption of the queues; messages stay where they are. */
  pauseIngestion: boolean
  /** Taken from the front, one an ingestion, each in place of ingesting anything. */
  nextIngestions: IngestionFailure[]
  /** What a blob reports that was skipped for its tag. Sources disagree about the status, so a client must take both. */
  skippedStatus: 'Skipped' | 'Failed'
}

export function noFaults(): Faults {
  return {
    dataManagement: 'none',
    engine: 'none',
    storage: { blob: 'none', queue: 'none', table: 'none' },
    sas: 'valid',
    pauseIngestion: false,
    nextIngestions: [],
    skippedStatus: 'Skipped',
  }
}
