/**
 * The two calls to the tables in which Kusto writes how ingestions ended, by the REST API of Azure Tables. Why not the SDK's: decision 0013.
 * Source: learn.microsoft.com, "Insert Entity", "Query Entities".
 */
import type { Dispatcher } from 'undici'
import { SidecarError } from '../core/errors.ts'
import { withoutSas } from './redact.ts'
import { callStorage, refusedBy } from './storage-call.ts'

/** The last version before which the table service changed nothing that is used here. */
const tableVersion = '2019-02-02'
const callTimeoutMs = 10_000

/** What is read of a row. Its `Details` are left where they are: they may quote records. */
export type StatusRow = {
  readonly status: string
  readonly errorCode: string
  readonly failureStatus: string
}

export type PendingRow = {
  /** Of the message; partition key and row key too. */
  readonly sourceId: string
  /** Without SAS. */
  readonly blobUrl: string
  readonly database: string
  readonly table: string
  readonly updatedOn: string
}

export class StatusTableClient {
  readonly #dispatcher: Dispatcher

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
  }

  /** Makes the row if it is not there; whatever one that is there says, it stays. `tableUrl` carries a SAS. */
  async insertPending(tableUrl: string, row: PendingRow): Promise<void> {
    const what = 'Writing a row to the status table'
    const answer = await callStorage(this.#dispatcher, tableUrl, what, {
      method: 'POST',
      timeoutMs: callTimeoutMs,
      headers: {
        'x-ms-version': tableVersion,
        'content-type': 'application/json',
        accept: 'application/json;odata=nometadata',
        prefer: 'return-no-content',
      },
      body: JSON.stringify(entityOf(row)),
    })
    const isThere =
      answer.status === 409 && (answer.storageCode ?? 'EntityAlreadyExists') === 'EntityAlreadyExists'
    if (answer.status !== 201 && answer.status !== 204 && !isThere) throw refusedBy(answer, what, tableUrl)
  }

  /** Undefined when there is no such row. */
  async read(tableUrl: string, sourceId: string): Promise<StatusRow | undefined> {
    const what = 'Reading a row of the status table'
    const answer = await callStorage(this.#dispatcher, rowUrl(tableUrl, sourceId), what, {
      method: 'GET',
      timeoutMs: callTimeoutMs,
      headers: { 'x-ms-version': tableVersion, accept: 'application/json;odata=nometadata' },
    })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw refusedBy(answer, what, tableUrl)
    const row = rowOf(answer.text)
    if (row !== undefined) return row
    throw new SidecarError(
      'KUSTO_UNCLASSIFIED',
      `${what} ${withoutSas(tableUrl)} gave an answer that cannot be read.`,
    )
  }
}

/** The entity that the official clients write (`IngestionStatus` of azure-kusto-java), with their types. */
function entityOf({ sourceId, blobUrl, database, table, updatedOn }: PendingRow): object {
  return {
    PartitionKey: sourceId,
    RowKey: sourceId,
    Status: 'Pending',
    IngestionSourceId: sourceId,
    'IngestionSourceId@odata.type': 'Edm.Guid',
    IngestionSourcePath: blobUrl,
    Database: database,
    Table: table,
    UpdatedOn: updatedOn,
    'UpdatedOn@odata.type': 'Edm.DateTime',
  }
}

function rowUrl(tableUrl: string, sourceId: string): string {
  const url = new URL(tableUrl)
  // The source id is a UUID, which needs no escaping.
  url.pathname = `${url.pathname.replace(/\/$/, '')}(PartitionKey='${sourceId}',RowKey='${sourceId}')`
  return url.href
}

function rowOf(text: string | undefined): StatusRow | undefined {
  let entity: unknown
  try {
    entity = JSON.parse(text ?? '')
  } catch {
    return undefined
  }
  if (typeof entity !== 'object' || entity === null || Array.isArray(entity)) return undefined
  const field = (name: string): string => {
    const value: unknown = Reflect.get(entity, name)
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
  }
  return {
    status: field('Status'),
    errorCode: field('ErrorCode'),
    failureStatus: field('FailureStatus'),
  }
}
