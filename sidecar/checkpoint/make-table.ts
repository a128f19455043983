import type { Clock, TableMaker } from '../core/ports.ts'
import { checkpointColumns } from '../core/checkpoint-columns.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'

/** Between two attempts while Kusto does not answer. */
const retryMs = 15_000

/**
 * Makes the checkpoint table, or adds the columns that it lacks, in the background; when Kusto does not allow that, tells once what a person has
 * to do. Rows wait in the journal meanwhile, or in the queue of Kusto. Returns how to end it.
 */
export function makeCheckpointTable({
  database,
  table,
  gateway,
  clock,
  log,
}: {
  readonly database: string
  readonly table: string
  readonly gateway: TableMaker
  readonly clock: Clock
  readonly log: Log
}): () => void {
  let isEnded = false
  const destination = `${database}.${table}`
  const attempt = async () => {
    try {
      const { command, refusal } = await gateway.createTable(database, table, checkpointColumns)
      if (refusal === undefined) {
        log.info({ event: 'checkpoint.table_ready', destination }, 'The checkpoint table is there.')
        return
      }
      log.warn(
        { event: 'checkpoint.table_refused', destination, code: refusal.code },
        `${refusal.message} The checkpoint table ${destination} was not made by the sidecar. Unless it is there, an administrator of the database has to run: ${command}`,
      )
    } catch (error) {
      log.debug({ event: 'checkpoint.table_later', destination, code: codeOf(error) }, messageOf(error))
      clock.after(retryMs, () => {
        if (!isEnded) void attempt()
      })
    }
  }
  void attempt()
  return () => {
    isEnded = true
  }
}
