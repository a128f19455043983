/** Ingests one blob: from the message to rows that can be seen, all of them or none. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { compileMapping, identityMapper, type RowMapper } from '../engine/mapping.ts'
import type { Table } from '../engine/catalog.ts'
import type { Store } from '../engine/store.ts'
import { parseDatetime, ticksFromUnixMs } from '../engine/ticks.ts'
import type { Row } from '../engine/values.ts'
import { KustoError } from '../kusto-error.ts'
import type { Faults } from '../faults.ts'
import { readBlob } from './blob.ts'
import type { IngestionMessage } from './message.ts'
import { failed, IngestionError, succeeded, type Outcome } from './outcome.ts'
import { readRecords } from './records.ts'

/** Rows a transaction: few enough to keep the process answering, enough to be fast. */
const rowsPerTransaction = 500

type Context = { store: Store; faults: Faults; identityToken: string; signal: AbortSignal }

/** Never rejects: what goes wrong is the outcome. */
export async function ingest(message: IngestionMessage, context: Context): Promise<Outcome> {
  const fault = context.faults.nextIngestions.shift()
  if (fault === undefined) return ingestRows(message, context, Infinity)
  const { errorCode, failureStatus, status = 'Failed', rowCount = 0 } = fault
  if (rowCount > 0) await ingestRows(message, context, rowCount)
  return {
    status,
    errorCode,
    failureStatus,
    details: 'Asked for by a test.',
    rowCount: BigInt(rowCount),
    rawBytes: 0,
  }
}

async function ingestRows(message: IngestionMessage, context: Context, maxRows: number): Promise<Outcome> {
  const { store, faults } = context
  try {
    if (message.identityToken !== context.identityToken) {
      throw new IngestionError(
        'BadRequest_InvalidKustoIdentityToken',
        'The message does not carry the identity token handed out.',
      )
    }
    const table = findTable(store, message)
    const format = formatOf(message)
    const mapRow = mapperOf(store, table, message)
    if (!faults.raceTags && isIngested(store, table, message)) return skipped(faults)
    return await write(message, { ...context, table, format, mapRow, maxRows })
  } catch (error) {
    return failed(error)
  }
}

function findTable(store: Store, { database, table: name }: IngestionMessage): Table {
  if (!store.catalog.hasDatabase(database)) {
    throw new IngestionError('BadRequest_DatabaseNotExist', `Database '${database}' does not exist.`)
  }
  const table = store.catalog.find(database, name)
  if (table === undefined)
    throw new IngestionError('BadRequest_TableNotExist', `Table '${name}' does not exist.`)
  return table
}

function formatOf({ format }: IngestionMessage): 'json' | 'multijson' {
  if (format === 'json' || format === 'singlejson') return 'json'
  if (format === 'multijson') return 'multijson'
  throw new IngestionError(
    'BadRequest_FormatNotSupported',
    `The local Kusto reads json and multijson, not '${format}'.`,
  )
}

function mapperOf(store: Store, table: Table, { mapping, mappingReference }: IngestionMessage): RowMapper {
  if (mapping !== undefined && mappingReference !== undefined) {
    throw new IngestionError(
      'BadRequest_DuplicateMapping',
      'The message has both a mapping and a mapping reference.',
    )
  }
  if (mapping === undefined && mappingReference === undefined) return identityMapper(table.columns)
  const text = mapping ?? store.catalog.mappings(table).find(({ name }) => name === mappingReference)?.text
  if (text === undefined) {
    throw new IngestionError(
      'BadRequest_MappingReferenceWasNotFound',
      `Mapping reference '${mappingReference}' was not found.`,
    )
  }
  try {
    return compileMapping(text, table.columns)
  } catch (error) {
    if (error instanceof KustoError) throw new IngestionError(error.code, error.message)
    throw error
  }
}

function isIngested(store: Store, table: Table, { ingestIfNotExists }: IngestionMessage): boolean {
  return ingestIfNotExists.some((value) => store.hasTag(table, `ingest-by:${value}`))
}

function skipped(faults: Faults): Outcome {
  return {
    status: faults.skippedStatus,
    errorCode: 'Skipped_IngestByTagAlreadyExists',
    failureStatus: 'Permanent',
    details: 'Another stream with the same ingest-by tag was already ingested.',
    rowCount: 0n,
    rawBytes: 0,
  }
}

type Job = Context & { table: Table; format: 'json' | 'multijson'; mapRow: RowMapper; maxRows: number }

async function write(
  message: IngestionMessage,
  { store, table, format, mapRow, maxRows, faults, signal }: Job,
): Promise<Outcome> {
  const sourceUrl = message.blobUrl.split('?')[0] ?? ''
  const extent = store.beginExtent(table)
  let rawBytes = 0
  let rowCount = 0n
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const piece of readBlob(message.blobUrl, signal)) {
      rawBytes += piece.length
      yield piece
    }
  }
  try {
    let rows: Row[] = []
    for await (const { text, lineNumber } of readRecords(format, counted())) {
      if (rowCount >= maxRows) break
      rows.push(mapRow({ text, lineNumber, sourceUrl }))
      rowCount += 1n
      if (rows.length < rowsPerTransaction) continue
      extent.append(rows)
      rows = []
      await nextTurn()
    }
    extent.append(rows)
    if (rawBytes === 0) throw new IngestionError('BadRequest_EmptyBlob', 'The blob is empty.')
    if (rowCount === 0n)
      throw new IngestionError('BadRequest_NoRecordsOrWrongFormat', 'The blob holds no record.')
    // The table may have been dropped, or the tag taken, while the blob was read.
    if (findTable(store, message).id !== table.id)
      throw new IngestionError('BadRequest_TableNotExist', 'The table was replaced.')
    if (!faults.raceTags && isIngested(store, table, message)) {
      extent.abandon()
      return skipped(faults)
    }
    extent.commit({ tags: message.tags, rawBytes, createdTicks: creationTicks(message) })
    return succeeded(rowCount, rawBytes)
  } catch (error) {
    abandon(store, table, extent)
    throw error
  }
}

function abandon(store: Store, table: Table, extent: { abandon(): void }): void {
  if (store.catalog.find(table.database, table.name)?.id === table.id) extent.abandon()
}

function creationTicks({ creationTime }: IngestionMessage): bigint {
  const given = creationTime === undefined ? undefined : parseDatetime(creationTime)
  return given ?? ticksFromUnixMs(Date.now())
}
