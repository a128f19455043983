/** The ingestion message: base64 of JSON, as described under "How to ingest data using the REST API" (KustoIngest, message structure). */
export type IngestionMessage = {
  readonly sourceId: string
  readonly blobUrl: string
  readonly database: string
  readonly table: string
  readonly retainBlobOnSuccess: boolean
  readonly flushImmediately: boolean
  readonly reportLevel: 'failures' | 'none' | 'all'
  readonly reportMethod: 'queue' | 'table' | 'queue-and-table'
  readonly statusTable: StatusEntity | undefined
  readonly identityToken: string | undefined
  readonly format: string
  readonly tags: readonly string[]
  /** Without the prefix `ingest-by:`. */
  readonly ingestIfNotExists: readonly string[]
  readonly mappingReference: string | undefined
  readonly mapping: string | undefined
  readonly creationTime: string | undefined
}

/** Where the client wants the status: the URL of the table with its SAS, and the keys of the row. */
export type StatusEntity = {
  readonly tableUrl: string
  readonly partitionKey: string
  readonly rowKey: string
}

/** Undefined when nothing can be made of it, not even a report of the failure. */
export function parseIngestionMessage(base64: string): IngestionMessage | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
  const message = fieldsOf(parsed)
  const properties = fieldsOf(message['AdditionalProperties'])
  const blobUrl = textOf(message['BlobPath'])
  if (blobUrl === undefined) return undefined
  return {
    sourceId: textOf(message['Id']) ?? '',
    blobUrl,
    database: textOf(message['DatabaseName']) ?? '',
    table: textOf(message['TableName']) ?? '',
    retainBlobOnSuccess: message['RetainBlobOnSuccess'] === true,
    flushImmediately: message['FlushImmediately'] === true,
    reportLevel: (['failures', 'none', 'all'] as const)[Number(message['ReportLevel'] ?? 0)] ?? 'failures',
    reportMethod:
      (['queue', 'table', 'queue-and-table'] as const)[Number(message['ReportMethod'] ?? 0)] ?? 'queue',
    statusTable: statusEntityOf(message['IngestionStatusInTable']),
    identityToken: textOf(properties['authorizationContext']),
    format: textOf(properties['format'])?.toLowerCase() ?? 'csv',
    tags: stringArrayOf(properties['tags']),
    ingestIfNotExists: stringArrayOf(properties['ingestIfNotExists']),
    mappingReference:
      textOf(properties['ingestionMappingReference']) ??
      textOf(properties['mappingReference']) ??
      textOf(properties['jsonMappingReference']),
    mapping: textOf(properties['ingestionMapping']) ?? textOf(properties['jsonMapping']),
    creationTime: textOf(properties['creationTime']),
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Kusto takes a string that holds a JSON array; anything else is ignored, as a wrongly written tag is there. */
function stringArrayOf(value: unknown): string[] {
  if (typeof value !== 'string') return []
  try {
    const parsed: unknown = JSON.parse(value)
    return Array.isArray(parsed) ? parsed.filter((item) => typeof item === 'string') : []
  } catch {
    return []
  }
}

function statusEntityOf(value: unknown): StatusEntity | undefined {
  const fields = fieldsOf(value)
  const tableUrl = textOf(fields['TableConnectionString']) ?? textOf(fields['tableConnectionString'])
  const partitionKey = textOf(fields['PartitionKey']) ?? textOf(fields['partitionKey'])
  const rowKey = textOf(fields['RowKey']) ?? textOf(fields['rowKey'])
  if (tableUrl === undefined || partitionKey === undefined || rowKey === undefined) return undefined
  return { tableUrl, partitionKey, rowKey }
}
