import type { Store } from '../engine/store.ts'
import type { Result } from '../engine/values.ts'
import type { Faults } from '../faults.ts'
import type { ResourceRow } from '../storage/resources.ts'
import type { CommandReader } from './reader.ts'

/** A failed ingestion, as `.show ingestion failures` and tests see it. */
export type IngestionFailureRecord = {
  readonly sourceId: string
  readonly database: string
  readonly table: string
  readonly failedOnTicks: bigint
  readonly errorCode: string
  readonly failureStatus: string
  readonly details: string
  readonly sourcePath: string
}

export type CommandContext = {
  readonly database: string
  readonly store: Store
  readonly faults: Faults
  readonly identityToken: string
  readonly failures: readonly IngestionFailureRecord[]
  readonly resources: () => ResourceRow[]
}

/** Reads a command to its end and runs it; undefined, with nothing taken, when it is another command. */
export type Command = (reader: CommandReader, context: CommandContext) => Result | undefined
