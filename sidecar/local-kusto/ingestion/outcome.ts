/** How one ingestion ended, with the words of Kusto (`IngestionStatus`, "Ingestion error codes"). */
export type Outcome = {
  readonly status: 'Succeeded' | 'Failed' | 'Skipped' | 'PartiallySucceeded'
  /** Empty when it succeeded. */
  readonly errorCode: string
  readonly failureStatus: 'Unknown' | 'Permanent' | 'Transient' | 'Exhausted'
  readonly details: string
  /** Rows that can be seen now. */
  readonly rowCount: bigint
  /** Uncompressed bytes of the blob. */
  readonly rawBytes: number
}

/** An ingestion that failed; becomes the outcome. */
export class IngestionError extends Error {
  readonly errorCode: string
  readonly failureStatus: 'Permanent' | 'Transient'

  constructor(errorCode: string, message: string, failureStatus: 'Permanent' | 'Transient' = 'Permanent') {
    super(message)
    this.name = 'IngestionError'
    this.errorCode = errorCode
    this.failureStatus = failureStatus
  }
}

export function succeeded(rowCount: bigint, rawBytes: number): Outcome {
  return { status: 'Succeeded', errorCode: '', failureStatus: 'Unknown', details: '', rowCount, rawBytes }
}

export function failed(error: unknown): Outcome {
  if (error instanceof IngestionError) {
    const { errorCode, failureStatus, message } = error
    return { status: 'Failed', errorCode, failureStatus, details: message, rowCount: 0n, rawBytes: 0 }
  }
  const details = error instanceof Error ? error.message : String(error)
  return {
    status: 'Failed',
    errorCode: 'General_InternalServerError',
    failureStatus: 'Transient',
    details,
    rowCount: 0n,
    rawBytes: 0,
  }
}
