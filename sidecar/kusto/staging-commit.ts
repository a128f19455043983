/**
 * The commit of a batch that goes through a staging table: its extents are counted there and moved into its table, in one command.
 *
 * The staging table is asked first and the table after it, so that a move of an earlier attempt that ends in between is seen. While the
 * table has none, whatever an earlier command could still move is among the extents that were shown, or was dropped: so no
 * two commands can move different extents of one batch.
 */
import type { CommitOutcome, SealedBatch } from '../core/ports.ts'
import { destinationLabel, ingestedTable } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { EngineClient } from './engine.ts'
import { extentsCommand } from './extents.ts'
import type { Row } from './management.ts'
import { redact } from './redact.ts'
import { dropCommand, extentsOf, isMoved, moveCommand, type BatchExtent } from './staged-extents.ts'

export class StagingCommits {
  readonly #engine: Pick<EngineClient, 'command'>
  readonly #log: Log

  constructor({ engine, log }: { engine: Pick<EngineClient, 'command'>; log: Log }) {
    this.#engine = engine
    this.#log = log
  }

  async isIngested(batch: SealedBatch): Promise<boolean> {
    const staged = await this.#show(batch, ingestedTable(batch))
    return staged.length > 0 || (await this.#show(batch, batch.destination.table)).length > 0
  }

  async commit(batch: SealedBatch): Promise<CommitOutcome> {
    const staged = await this.#show(batch, ingestedTable(batch))
    const committed = await this.#show(batch, batch.destination.table)
    if (committed.length > 0) {
      await this.#clear(batch, staged)
      return { kind: 'committed' }
    }
    if (staged.length === 0) return { kind: 'absent' }
    if (staged.some(({ isMerged }) => isMerged)) throw mergedError(batch)
    const rowCount = staged.reduce((sum, extent) => sum + extent.rowCount, 0)
    if (rowCount !== batch.recordCount) {
      await this.#run(
        batch,
        dropCommand(ingestedTable(batch), staged),
        'Dropping rows from the staging table',
      )
      return { kind: 'discarded', rowCount }
    }
    await this.#move(batch, staged)
    return { kind: 'committed' }
  }

  async #move(batch: SealedBatch, staged: readonly BatchExtent[]): Promise<void> {
    const { table } = batch.destination
    const command = moveCommand(ingestedTable(batch), table, staged)
    const rows = await this.#run(batch, command, 'Moving rows from the staging table')
    if (isMoved(staged, rows)) return
    // Asked again, the tables tell whether it moved them all the same.
    const details = rows.map((row) => row['Details']).find((one) => typeof one === 'string' && one !== '')
    const said = typeof details === 'string' ? `: ${redact(details)}` : '.'
    throw new SidecarError(
      'KUSTO_UNCLASSIFIED',
      `Kusto did not say that it moved the rows of batch ${batch.id} into ${destinationLabel(batch.destination)}${said}`,
    )
  }

  /** What a late message left behind. It can harm nothing there, so that a failure is no reason to wait: the retention of the table ends it. */
  async #clear(batch: SealedBatch, staged: readonly BatchExtent[]): Promise<void> {
    const left = staged.filter(({ isMerged }) => !isMerged)
    if (left.length === 0) return
    try {
      await this.#run(batch, dropCommand(ingestedTable(batch), left), 'Dropping rows from the staging table')
    } catch (error) {
      const fields = { event: 'kusto.staging_left', batch: batch.id, code: codeOf(error) }
      this.#log.warn(
        fields,
        `Rows that a late message brought stay in the staging table. ${messageOf(error)}`,
      )
    }
  }

  async #show(batch: SealedBatch, table: string): Promise<BatchExtent[]> {
    const what = `Asking for the extents of ${batch.destination.database}.${table}`
    return extentsOf(batch, await this.#run(batch, extentsCommand(table, batch.id), what))
  }

  async #run(batch: SealedBatch, command: string, what: string): Promise<readonly Row[]> {
    const answer = await this.#engine.command(batch.destination.database, command)
    if (answer.kind === 'rows') return answer.rows
    throw new SidecarError(
      'KUSTO_STAGING_REFUSED',
      `${what} was refused. ${answer.error.message} The identity needs the role Table Admin on ${destinationLabel(batch.destination)} and on its staging table.`,
      { cause: answer.error },
    )
  }
}

/** Neither moved nor dropped: it is not ours alone. */
function mergedError(batch: SealedBatch): SidecarError {
  const table = `${batch.destination.database}.${ingestedTable(batch)}`
  return new SidecarError(
    'KUSTO_STAGING_REFUSED',
    `In the staging table ${table} the extent with batch ${batch.id} was merged with those of other batches, so that it cannot be moved. ` +
      'Switch merging off by the merge policy of that table, and drop the merged extent: its batches are then sent again, as long as they are in a journal.',
  )
}
