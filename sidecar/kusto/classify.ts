/** Turns every error that Kusto, Azure Storage, undici, axios or @azure/identity can throw into one of the catalogue. Total. */
import { SidecarError, messageOf, systemCodeOf, type ErrorCode } from '../core/errors.ts'
import { redact } from './redact.ts'

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_NETWORK',
  'UND_ERR_SOCKET',
])
const timeoutCodes = new Set([
  'ETIMEDOUT',
  'ECONNABORTED',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ABORT_ERR',
])

/** The names that azure-kusto-data and @azure/identity give to the failure of a token request. */
const credentialErrors = new Set([
  'KustoAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'AggregateAuthenticationError',
  'CredentialUnavailableError',
])

/** The catalogue's code for an HTTP status of the Kusto engine or of its data management service. */
export function codeOfKustoStatus(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'KUSTO_UNAUTHORIZED'
  if (status === 408 || status === 504) return 'KUSTO_TIMEOUT'
  if (status === 429) return 'KUSTO_THROTTLED'
  if (status >= 500) return 'KUSTO_UNAVAILABLE'
  return 'KUSTO_UNCLASSIFIED'
}

/**
 * The catalogue's code for an answer of Azure Storage; `storageCode` is its `x-ms-error-code`.
 * Source: learn.microsoft.com, "Common REST API error codes" and "Blob service error codes".
 */
export function codeOfStorageStatus(status: number, storageCode: string | undefined): ErrorCode {
  // An expired or revoked SAS is a 403 (AuthenticationFailed); a container or queue that was rotated away is a 404.
  if (status === 401 || status === 403 || status === 404) return 'KUSTO_SAS_REFUSED'
  if (status === 408 || storageCode === 'OperationTimedOut') return 'KUSTO_TIMEOUT'
  if (status === 429 || storageCode === 'ServerBusy') return 'KUSTO_THROTTLED'
  if (status === 413 || storageCode === 'RequestBodyTooLarge') return 'KUSTO_BLOB_REFUSED'
  if (status >= 500) return 'KUSTO_UNAVAILABLE'
  return 'KUSTO_UNCLASSIFIED'
}

/** `what` says what was being done, and where, without a SAS: "Uploading to https://host/container". */
export function kustoError(error: unknown, what: string): SidecarError {
  if (error instanceof SidecarError) return error
  return new SidecarError(codeOfForeign(error), `${what} failed: ${redact(foreignMessage(error))}`, {
    cause: error,
  })
}

function codeOfForeign(error: unknown): ErrorCode {
  const status = statusOf(error)
  if (status !== undefined) return codeOfKustoStatus(status)
  for (const one of withCauses(error)) {
    const name = one instanceof Error ? one.name : ''
    if (name === 'TimeoutError' || name === 'AbortError') return 'KUSTO_TIMEOUT'
    if (credentialErrors.has(name)) return 'KUSTO_UNAUTHORIZED'
    if (name === 'ThrottlingError') return 'KUSTO_THROTTLED'
    const code = systemCodeOf(one)
    if (code === undefined) continue
    const known = codeOfSystemCode(code)
    if (known !== undefined) return known
  }
  // For its metadata request the SDK throws a plain error and leaves the code of the system in its text only.
  const word = /\b[A-Z_]{5,}\b/.exec(messageOf(error))?.[0]
  return (word === undefined ? undefined : codeOfSystemCode(word)) ?? 'KUSTO_UNCLASSIFIED'
}

function codeOfSystemCode(code: string): ErrorCode | undefined {
  if (timeoutCodes.has(code)) return 'KUSTO_TIMEOUT'
  return networkCodes.has(code) ? 'KUSTO_UNAVAILABLE' : undefined
}

/** Errors wrap each other: undici puts the socket's error into `cause`, axios into `cause` too. */
function* withCauses(error: unknown): Generator {
  let one = error
  for (let depth = 0; depth < 5 && one !== undefined && one !== null; depth += 1) {
    yield one
    if (one instanceof AggregateError) yield* one.errors.slice(0, 5)
    one = typeof one === 'object' && 'cause' in one ? one.cause : undefined
  }
}

/** The status of an axios error (`response.status`) or of an Azure SDK error (`statusCode`). */
function statusOf(error: unknown): number | undefined {
  const candidates = [fieldOf(fieldOf(error, 'response'), 'status'), fieldOf(error, 'statusCode')]
  return candidates.find((status) => typeof status === 'number')
}

/** Kusto's own words when it said some, since axios says only "Request failed with status code 400". */
function foreignMessage(error: unknown): string {
  const said = wordsOf(error)
  if (said !== undefined) return `${messageOf(error)}: ${said}`
  const cause = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : ''
  return messageOf(error) + cause
}

/** `response.data.error["@message"]` of an axios error, or its `message`. */
function wordsOf(error: unknown): string | undefined {
  const response = fieldOf(error, 'response')
  const words = fieldOf(fieldOf(response, 'data'), 'error')
  return [fieldOf(words, '@message'), fieldOf(words, 'message')].find((text) => typeof text === 'string')
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
