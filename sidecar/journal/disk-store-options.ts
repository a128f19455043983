import type { Checkpoints, Clock, FileSystem, Random, RequestLedger } from '../core/ports.ts'
import type { SidecarError } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'

export type DiskStoreOptions = {
  readonly directory: string
  readonly maxDiskBytes: number
  readonly syncIntervalMs: number
  /** Undefined when no requests are remembered. */
  readonly ledger: RequestLedger | undefined
  /** How long, and how many, requests are remembered at most; see `journal.dedup_window_seconds`. */
  readonly dedupWindowMs: number
  readonly dedupMaxKeys: number
  /** Told of ids that stand for no records; undefined when nobody asked for an audit trail. */
  readonly checkpoints?: Pick<Checkpoints, 'voided'> | undefined
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Called when promises can no longer be kept; the process must stop. */
  readonly onFatal: (error: SidecarError) => void
}
