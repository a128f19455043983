/** Management commands to the engine, by its REST API. Source: learn.microsoft.com, "Query/management HTTP request" and "response". */
import { request, type Dispatcher } from 'undici'
import type { Random } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { answerText } from './answer-text.ts'
import { codeOfKustoStatus, kustoError } from './classify.ts'
import type { TokenSource } from './engine-token.ts'
import type { Row } from './management.ts'
import { redact } from './redact.ts'

/** An answer is a few rows about extents. */
const maxAnswerBytes = 8 * 1024 * 1024

export type EngineAnswer =
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  /** It will not answer this, now or in some minutes. `isAboutEntity`: because it does not know, or does not show, what is named in it. */
  | { readonly kind: 'refused'; readonly error: SidecarError; readonly isAboutEntity: boolean }

export type EngineOptions = {
  readonly clusterUrl: string
  readonly dispatcher: Dispatcher
  readonly tokens: TokenSource
  readonly random: Random
}

export class EngineClient {
  readonly #options: EngineOptions

  constructor(options: EngineOptions) {
    this.#options = options
  }

  /** Rejects with a `KUSTO_` error when there is no answer, or one that may be another in a moment. */
  async command(database: string, command: string): Promise<EngineAnswer> {
    const { clusterUrl, tokens } = this.#options
    const what = `A question to the engine at ${clusterUrl} about database ${database}`
    const { status, text } = await this.#post(database, command, what)
    if (status === 200) return { kind: 'rows', rows: rowsOf(text, what) }
    if (status === 401) tokens.forget()
    const { words, isTemporary, isAboutEntity } = complaintOf(text)
    const said = words === undefined ? '' : `: ${redact(words)}`
    const error = new SidecarError(codeOfKustoStatus(status), `${what} was answered ${status}${said}`)
    const isRefused = status === 401 || status === 403 || status === 404 || (status === 400 && !isTemporary)
    if (!isRefused) throw error
    return { kind: 'refused', error, isAboutEntity }
  }

  async #post(
    database: string,
    command: string,
    what: string,
  ): Promise<{ status: number; text: string | undefined }> {
    const { clusterUrl, dispatcher, tokens, random } = this.#options
    try {
      const token = await tokens.token()
      const { statusCode, body } = await request(`${clusterUrl.replace(/\/+$/, '')}/v1/rest/mgmt`, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          'content-type': 'application/json; charset=utf-8',
          'x-ms-client-request-id': `kusto-sidecar;${random.hex(16)}`,
          'x-ms-app': 'kusto-sidecar',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ db: database, csl: command }),
        dispatcher,
        signal: AbortSignal.timeout(limits.kustoRequestTimeoutMs),
        headersTimeout: limits.kustoRequestTimeoutMs,
        bodyTimeout: limits.kustoRequestTimeoutMs,
      })
      return { status: statusCode, text: await answerText(body, maxAnswerBytes) }
    } catch (error) {
      throw kustoError(error, what)
    }
  }
}

type Table = { readonly Columns?: readonly { readonly ColumnName?: unknown }[]; readonly Rows?: unknown }

/** The rows of the first table of a version 1 answer. An answer that breaks off, or says that something went wrong after all, is none. */
function rowsOf(text: string | undefined, what: string): Row[] {
  const answer = parsed(text)
  const table = Array.isArray(answer?.['Tables']) ? (answer['Tables'][0] as Table | undefined) : undefined
  const isComplete = answer?.['Exceptions'] === undefined && Array.isArray(table?.Rows)
  if (!isComplete || !Array.isArray(table?.Columns))
    throw new SidecarError('KUSTO_UNCLASSIFIED', `${what} gave an answer that cannot be read.`)
  const names = table.Columns.map(({ ColumnName }) => String(ColumnName))
  return (table.Rows as unknown[]).map((values) => {
    // A row that is no list reports an error in the midst of the rows.
    if (!Array.isArray(values))
      throw new SidecarError('KUSTO_UNCLASSIFIED', `${what} broke off in the midst of the answer.`)
    return Object.fromEntries(names.map((name, index) => [name, values[index] as unknown]))
  })
}

type Complaint = { words: string | undefined; isTemporary: boolean; isAboutEntity: boolean }

function complaintOf(text: string | undefined): Complaint {
  const error = parsed(text)?.['error'] as Readonly<Record<string, unknown>> | undefined
  const words = [error?.['@message'], error?.['message']].find((one) => typeof one === 'string')
  const isAboutEntity = [error?.['code'], error?.['@type']].some(
    (name) => typeof name === 'string' && name.includes('EntityNotFound'),
  )
  return { words, isTemporary: error?.['@permanent'] === false, isAboutEntity }
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
