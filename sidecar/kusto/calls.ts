/** What is noted of every call to Kusto and its storage: its time, its failure, how good its storage account is, what is wrong now. */
import type { Clock, KustoTrouble } from '../core/ports.ts'
import { codeOf, messageOf, type SidecarError } from '../core/errors.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { AccountRanking } from './ranking.ts'

export type Operation =
  'staging' | 'upload' | 'enqueue' | 'status_row' | 'status' | 'extents' | 'withdraw' | 'commit'

/** Every batch is uploaded and enqueued, but not asked after, so that these troubles would otherwise be told for ever. */
const fadingOperations = ['staging', 'commit', 'withdraw', 'status', 'extents'] as const
const fadeMs = 5 * 60_000

export type CallOptions<Result> = {
  /** Whose rank the outcome changes. */
  readonly account?: string
  /** The failure that a result stands for, where a call resolves with what went wrong. */
  readonly failureOf?: (result: Result) => SidecarError | undefined
}

export class Calls {
  readonly #clock: Clock
  readonly #metrics: Metrics
  readonly #ranking: AccountRanking
  readonly #onSasRefused: () => void
  /** The last failure of each kind of call that has not worked since. */
  readonly #troubles = new Map<Operation | 'resources', { readonly message: string; readonly atMs: number }>()

  constructor(options: {
    clock: Clock
    metrics: Metrics
    ranking: AccountRanking
    onSasRefused: () => void
  }) {
    this.#clock = options.clock
    this.#metrics = options.metrics
    this.#ranking = options.ranking
    this.#onSasRefused = options.onSasRefused
    this.noteResources('Kusto has not been reached yet.')
  }

  /** `message` says why ingestion resources could not be fetched; undefined when they were. */
  noteResources(message: string | undefined): void {
    if (message === undefined) this.#troubles.delete('resources')
    else this.#troubles.set('resources', { message, atMs: this.#clock.monotonic() })
  }

  async measure<Result>(
    operation: Operation,
    work: () => Promise<Result>,
    { account, failureOf }: CallOptions<Result> = {},
  ): Promise<Result> {
    const startedAt = this.#clock.monotonic()
    try {
      const result = await work()
      const failure = failureOf?.(result)
      if (failure === undefined) this.#noteSuccess(operation, account)
      else this.#noteFailure(operation, account, failure)
      return result
    } catch (error) {
      this.#noteFailure(operation, account, error)
      throw error
    } finally {
      const seconds = (this.#clock.monotonic() - startedAt) / 1000
      this.#metrics.kustoRequestSeconds.observe({ operation }, seconds)
    }
  }

  trouble(): KustoTrouble {
    const service = this.#troubles.get('resources')?.message
    const delivery =
      this.#troubles.get('upload')?.message ?? this.#troubles.get('enqueue')?.message ?? this.#fadingTrouble()
    return { ...(service === undefined ? {} : { service }), ...(delivery === undefined ? {} : { delivery }) }
  }

  #fadingTrouble(): string | undefined {
    const since = this.#clock.monotonic() - fadeMs
    return fadingOperations
      .map((operation) => this.#troubles.get(operation))
      .find((trouble) => trouble !== undefined && trouble.atMs >= since)?.message
  }

  #noteSuccess(operation: Operation, account: string | undefined): void {
    if (account !== undefined) this.#ranking.report(account, true)
    this.#troubles.delete(operation)
  }

  #noteFailure(operation: Operation, account: string | undefined, error: unknown): void {
    const code = codeOf(error)
    this.#metrics.kustoErrors.inc({ operation, code })
    // A blob that is refused for what it is says nothing about Kusto, nor does a file that cannot be read.
    if (code.startsWith('KUSTO_') && code !== 'KUSTO_BLOB_REFUSED') {
      if (account !== undefined) this.#ranking.report(account, false)
      this.#troubles.set(operation, { message: messageOf(error), atMs: this.#clock.monotonic() })
    }
    if (code === 'KUSTO_SAS_REFUSED') this.#onSasRefused()
  }
}
