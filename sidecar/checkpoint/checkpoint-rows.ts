/**
 * The audit trail: one row for each batch that is settled, in a table of Kusto.
 *
 * A row goes the way of every record, through a lane and the journal, before the file of its batch is removed. So it is as durable as the batch
 * was, and whatever happens to the process in between, it comes at least once. With the ledger it comes once: the row carries a key made
 * of the batch id.
 */
import { hash } from 'node:crypto'
import { isCheckpointBatch } from '../core/batch-id.ts'
import type { SealLimits, Target } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { BatchId, Checkpoints, Clock, Intake, SettledBatch, VoidBatch } from '../core/ports.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import type { RequestMark } from '../core/request-slice.ts'
import type { Settlement } from '../core/settlement.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { settledRow, voidRow } from './row.ts'

export type CheckpointRowsOptions = {
  readonly database: string
  readonly table: string
  readonly batchIntervalMs: number
  /** Of `write`; a row is followed as its batch was. */
  readonly settlement: Settlement
  /** Without a journal senders wait for their batch, and must not wait for its row as well. */
  readonly isJournalOn: boolean
  readonly records: RecordSettings
  /** Asked for at each row, since rows and batches need each other. */
  readonly intake: () => Pick<Intake, 'append'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** How often the disk is asked to take a row, and how long it rests in between. */
const attempts = 3
const retryMs = 1_000

export class CheckpointRows implements Checkpoints {
  readonly #options: CheckpointRowsOptions
  readonly #inWork = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: CheckpointRowsOptions) {
    this.#options = options
  }

  async settled(settled: SettledBatch): Promise<void> {
    const { batch } = settled
    if (isCheckpointBatch(batch.id)) return
    const { destination, settlement, replaces } = batch
    // The damaged ones whose records are in this batch have no end of their own.
    for (const id of replaces) await this.voided({ id, destination, settlement, wasEmpty: false })
    const row = settledRow(settled, this.#options.clock.now())
    await this.#write(batch.id, row, settlement.isExactlyOnce)
  }

  async voided(batch: VoidBatch): Promise<void> {
    if (isCheckpointBatch(batch.id)) return
    // Of a file without a readable header nobody knows; a row that came twice for that would look like two batches.
    const { isExactlyOnce } = batch.settlement ?? this.#options.settlement
    await this.#write(batch.id, voidRow(batch, this.#options.clock.now()), isExactlyOnce)
  }

  /** Resolves when no row is in work any more. From now on every batch stays, to be settled again by the next process. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#inWork)
  }

  #write(id: BatchId, row: string, isExactlyOnce: boolean): Promise<void> {
    const writing = this.#tryToWrite(id, row, isExactlyOnce).finally(() => this.#inWork.delete(writing))
    this.#inWork.add(writing)
    return writing
  }

  /** When the disk goes on refusing, the batch goes without its row, since otherwise a full disk would never be emptied. */
  async #tryToWrite(id: BatchId, row: string, isExactlyOnce: boolean): Promise<void> {
    const { intake, clock, log, metrics } = this.#options
    const bytes = Buffer.from(`${row}\n`)
    const part = { target: this.#target(isExactlyOnce), block: { bytes, ends: Uint32Array.of(bytes.length) } }
    for (let attempt = 1; ; attempt += 1) {
      if (this.#isClosed) throw new SidecarError('JOURNAL_WRITE_FAILED', `The row of ${id} came too late.`)
      try {
        await intake().append([part], markOf(id))
        return
      } catch (error) {
        if (error instanceof SidecarError && error.disposition === 'fatal') throw error
        if (this.#isClosed) throw error
        if (attempt === attempts) {
          metrics.deliveryCheckpointRowsLost.inc()
          log.error(
            { event: 'checkpoint.row_lost', batchId: id, code: codeOf(error) },
            `${messageOf(error)} The batch goes without its row, so that the checkpoint table has a hole there. The row was: ${row}`,
          )
          return
        }
      }
      await new Promise<void>((resolve) => clock.after(retryMs, resolve))
    }
  }

  #target(isExactlyOnce: boolean): Target {
    const { database, table, batchIntervalMs, settlement, isJournalOn, records } = this.#options
    const sealLimits: SealLimits = {
      batchIntervalMs,
      batchSize: limits.checkpointBatchRows,
      maxRawBytes: limits.checkpointBatchRawBytes,
    }
    return {
      purpose: 'checkpoint',
      destination: { database, table, flushImmediately: false, additionalTags: [], dropByTags: [] },
      limits: sealLimits,
      guarantee: guaranteeOf(isExactlyOnce, isJournalOn),
      settlement: settlementOf(settlement, isExactlyOnce),
      records,
    }
  }
}

/** Rows go into their table in place, whatever `write.commit` says: a staging table of their own would be one more to make. */
function settlementOf(
  { isPolled, pollIntervalMs, pollTimeoutMs }: Settlement,
  isExactlyOnce: boolean,
): Settlement {
  return { isExactlyOnce, isPolled: isExactlyOnce || isPolled, pollIntervalMs, pollTimeoutMs }
}

function guaranteeOf(isExactlyOnce: boolean, isJournalOn: boolean): Target['guarantee'] {
  if (!isJournalOn) return 'none'
  return isExactlyOnce ? 'exactly_once' : 'at_least_once'
}

/** Equal for all rows of one batch, whatever they say. */
function markOf(id: BatchId): RequestMark {
  const key = hash('sha256', `checkpoint ${id}`).slice(0, 32)
  return { key, connection: '', requestNumber: 0, fingerprint: 0 }
}
