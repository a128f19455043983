/**
 * The error catalogue: every error this program can meet on purpose, with what is done about it.
 *
 * Control flow branches on `disposition` and on nothing else. Foreign errors (Node, Azure, undici) are turned
 * into one of these once, at the boundary where they arrive, with the original as `cause`. Messages are for a
 * person: what happened, where, what to do. They never carry a SAS, a token, a secret or the content of a record.
 */

/**
 * - `reject`: the request is at fault; the client is told and nothing is stored.
 * - `retry`: it may work later; the client gets 429 or 503, or the batch is tried again.
 * - `dead-letter`: it will never work; the records are kept aside with the reason.
 * - `fatal`: the process can no longer keep its promises and must stop.
 */
export type Disposition = 'reject' | 'retry' | 'dead-letter' | 'fatal'

type ErrorSpec = { readonly disposition: Disposition; readonly httpStatus?: number; readonly summary: string }

export const errorCatalog = {
  CONFIG_INVALID: { disposition: 'fatal', summary: 'The configuration file has a mistake.' },
  CONFIG_UNREADABLE: { disposition: 'fatal', summary: 'The configuration file cannot be read.' },
  PROCESS_START_FAILED: { disposition: 'fatal', summary: 'The program could not start.' },
  COMPRESSION_UNAVAILABLE: {
    disposition: 'fatal',
    summary: 'journal.compression is isal, and ISA-L cannot be used.',
  },

  HTTP_BODY_TOO_LARGE: {
    disposition: 'reject',
    httpStatus: 413,
    summary: 'The body is over server.max_body_mb.',
  },
  HTTP_ENCODING_UNSUPPORTED: {
    disposition: 'reject',
    httpStatus: 415,
    summary: 'The Content-Encoding is unknown.',
  },
  HTTP_ENCODING_BROKEN: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'The body cannot be decompressed.',
  },
  HTTP_BODY_ABORTED: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'The client went away in the middle of the body.',
  },
  HTTP_BODY_STALLED: { disposition: 'retry', httpStatus: 408, summary: 'Nothing more of the body came.' },
  HTTP_UNAUTHORIZED: {
    disposition: 'reject',
    httpStatus: 401,
    summary: 'The credential is missing or wrong, and server.auth.on_refused is 401.',
  },
  HTTP_UNAUTHORIZED_HELD: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'The credential is missing or wrong, and server.auth.on_refused is 503.',
  },
  HTTP_NOT_FOUND: { disposition: 'reject', httpStatus: 404, summary: 'No such path.' },
  HTTP_METHOD_UNSUPPORTED: {
    disposition: 'reject',
    httpStatus: 405,
    summary: 'No such method on this path.',
  },
  HTTP_OVERLOADED: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'server.max_in_flight_mb or server.max_in_flight_requests is in use.',
  },
  HTTP_DRAINING: { disposition: 'retry', httpStatus: 503, summary: 'The sidecar is shutting down.' },
  HTTP_REPLY_TIMEOUT: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'The records were not safe in time to say so.',
  },

  DECODE_EMPTY: { disposition: 'reject', httpStatus: 400, summary: 'The body is empty.' },
  DECODE_UNREADABLE: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'No record can be read from the body.',
  },
  DECODE_NOT_JSON: { disposition: 'dead-letter', summary: 'A record is not valid JSON.' },
  DECODE_NOT_AN_OBJECT: { disposition: 'dead-letter', summary: 'A record is JSON, but not an object.' },

  DECODE_NOT_MSGPACK: { disposition: 'dead-letter', summary: 'A part of a msgpack body is no record.' },
  DECODE_NOT_OTLP: { disposition: 'dead-letter', summary: 'A part of an OTLP body is no log record.' },
  RECORD_VALUE_TOO_LARGE: {
    disposition: 'dead-letter',
    summary: 'Kusto would store only a part of a value of the record.',
  },

  SHAPE_TOO_LARGE: {
    disposition: 'dead-letter',
    summary: 'Tag and added fields would make many times the size of a body.',
  },

  ROUTE_NOT_FOUND: { disposition: 'reject', httpStatus: 404, summary: 'No route for this path.' },
  ROUTE_NAME_INVALID: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'A database or table name breaks the rules of Kusto.',
  },
  ROUTE_NOT_ALLOWED: {
    disposition: 'reject',
    httpStatus: 404,
    summary: 'The database or table is not in the list of those allowed.',
  },
  ROUTE_VALUE_MISSING: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'The tag or record lacks what the name of the destination is made of.',
  },
  ROUTE_TOO_MANY_IN_BODY: {
    disposition: 'dead-letter',
    summary: 'The records of one body name more destinations than can be open at once.',
  },
  ROUTE_TOO_MANY_DESTINATIONS: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'Too many destinations are open at once.',
  },

  JOURNAL_FULL: { disposition: 'retry', httpStatus: 503, summary: 'The journal holds journal.max_disk_mb.' },
  JOURNAL_WRITE_FAILED: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'The disk refused a write; it was undone.',
  },
  JOURNAL_READ_FAILED: { disposition: 'retry', summary: 'A journal file cannot be read for now.' },
  JOURNAL_SYNC_FAILED: { disposition: 'fatal', summary: 'fsync failed; what is on the disk is unknown.' },
  JOURNAL_BROKEN: { disposition: 'fatal', summary: 'A failed write could not be undone.' },
  JOURNAL_LOCKED: { disposition: 'fatal', summary: 'Another process uses the journal directory.' },
  JOURNAL_COPIED: {
    disposition: 'fatal',
    summary: 'The journal directory is a copy, and has open batches of exactly-once.',
  },
  JOURNAL_VERSION_UNSUPPORTED: {
    disposition: 'fatal',
    summary: 'The journal was written by a newer version.',
  },
  JOURNAL_CORRUPT: { disposition: 'dead-letter', summary: 'A journal file is damaged.' },
  MEMORY_FULL: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'Batches held in memory reached their limit.',
  },

  DEAD_LETTER_FULL: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'The dead-letter directory holds dead_letter.max_disk_mb.',
  },
  ADMIN_REQUEST_INVALID: {
    disposition: 'reject',
    httpStatus: 400,
    summary: 'A command of an operator has a mistake, or cannot run now.',
  },
  ADMIN_FAILED: {
    disposition: 'fatal',
    summary: 'The running sidecar could not do what a command asked for.',
  },
  DEAD_LETTER_UNREADABLE: { disposition: 'fatal', summary: 'The dead letters cannot be read.' },
  DEAD_LETTER_WRITE_FAILED: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'A dead letter could not be written.',
  },

  KUSTO_UNAVAILABLE: { disposition: 'retry', summary: 'Kusto or its storage cannot be reached.' },
  KUSTO_TIMEOUT: { disposition: 'retry', summary: 'Kusto or its storage did not answer in time.' },
  KUSTO_THROTTLED: { disposition: 'retry', summary: 'Kusto or its storage asks us to slow down.' },
  KUSTO_UNAUTHORIZED: {
    disposition: 'retry',
    summary: 'The credential was refused; batches wait until it works.',
  },
  KUSTO_SAS_REFUSED: {
    disposition: 'retry',
    summary: 'Storage refused the SAS; ingestion resources are fetched again.',
  },
  KUSTO_NO_RESOURCES: { disposition: 'retry', summary: 'Kusto handed out no container or no queue.' },
  KUSTO_UNCLASSIFIED: { disposition: 'retry', summary: 'Kusto or its storage answered something unknown.' },
  KUSTO_BLOB_REFUSED: { disposition: 'dead-letter', summary: 'Storage will never take this blob.' },
  KUSTO_INGESTION_TRANSIENT: {
    disposition: 'retry',
    summary: 'Kusto could not ingest the batch this time.',
  },
  KUSTO_BLOB_LOST: {
    disposition: 'retry',
    summary: 'Kusto could not read the blob; it is uploaded again.',
  },
  KUSTO_MESSAGE_LOST: {
    disposition: 'retry',
    summary: 'Nothing was heard of an ingestion message for write.poll_timeout_ms.',
  },
  KUSTO_STAGING_REFUSED: {
    disposition: 'retry',
    summary: 'Kusto refuses what a batch with write.commit: staging needs.',
  },
  KUSTO_INGESTION_FAILED: { disposition: 'dead-letter', summary: 'Kusto refused the batch for good.' },
  KUSTO_INGESTION_PARTIAL: {
    disposition: 'dead-letter',
    summary: 'Kusto ingested only a part of the batch, and does not say which.',
  },
  DELIVERY_ATTEMPTS_EXHAUSTED: {
    disposition: 'retry',
    httpStatus: 503,
    summary: 'Every attempt to deliver the batch failed.',
  },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof errorCatalog

/** The one error type of this program. `code` is from the catalogue and safe to use as a metric label. */
export class SidecarError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code

  constructor(code: Code, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SidecarError'
    this.code = code
  }

  get disposition(): Disposition {
    return errorCatalog[this.code].disposition
  }

  /** What the client is answered when this error ends its request. */
  get httpStatus(): number {
    const spec: ErrorSpec = errorCatalog[this.code]
    return spec.httpStatus ?? 503
  }
}

/** The code of any thrown value; total, so that logging an unknown error can never fail. */
export function codeOf(error: unknown): ErrorCode | 'UNKNOWN' {
  return error instanceof SidecarError ? (error as SidecarError).code : 'UNKNOWN'
}

/** The message of any thrown value; total: an object whose `toString` is missing or throws has no text, and is called so. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return `a thrown ${typeof error} without a text`
  }
}

/** The `code` of a Node system error (`ENOSPC`, `ECONNREFUSED`), if it has one. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
