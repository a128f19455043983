/** Kusto's side of delivery: upload, enqueue, and what became of it. See `KustoGateway` in core/ports.ts for what it promises. */
import { Agent } from 'undici'
import type {
  Clock,
  CommitOutcome,
  IngestionOutcome,
  KustoGateway,
  KustoTrouble,
  Random,
  SealedBatch,
  Sending,
  TableCreation,
  TableMaker,
  UploadedBlob,
} from '../core/ports.ts'
import { destinationLabel, ingestedTable, isStaged } from '../core/destination.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { inContainer, withSas } from './addresses.ts'
import { BlobClient } from './blobs.ts'
import { Calls } from './calls.ts'
import { kustoError } from './classify.ts'
import { createTable, type KustoColumns } from './create-table.ts'
import { EngineClient } from './engine.ts'
import { createTokenSource } from './engine-token.ts'
import { ExtentQuestions } from './extents.ts'
import { isTableUnknown, outcomeOf, staleTokenCode } from './ingestion-outcome.ts'
import {
  IngestionResourceCache,
  type IngestionResources,
  type StorageResource,
} from './ingestion-resources.ts'
import { isoTime } from './iso-time.ts'
import { createManagementClient, type ManagementClient, type ManagementOptions } from './management.ts'
import { createMessageBuilder, type MessageBuilder } from './message.ts'
import { blobNameOf, sourceIdOf } from './names.ts'
import { postMessage } from './queues.ts'
import { AccountRanking } from './ranking.ts'
import { withoutSas } from './redact.ts'
import { StagingCommits } from './staging-commit.ts'
import { StagingTables } from './staging-table.ts'
import { readRow, writeRow, type StatusPlace } from './status-rows.ts'
import { StatusTableClient } from './status-table.ts'

export type GatewayOptions = ManagementOptions & {
  /** The engine, which is asked about extents. */
  readonly clusterUrl: string
  readonly cacheExpirationMs: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
}

export class QueuedIngestion implements KustoGateway, TableMaker {
  readonly #options: GatewayOptions
  readonly #management: ManagementClient
  readonly #resources: IngestionResourceCache
  readonly #agent: Agent
  readonly #blobs: BlobClient
  readonly #statusTables: StatusTableClient
  readonly #messages: MessageBuilder
  readonly #ranking: AccountRanking
  readonly #engine: EngineClient
  readonly #extents: ExtentQuestions
  readonly #stagingTables: StagingTables
  readonly #commits: StagingCommits
  readonly #calls: Calls

  constructor(options: GatewayOptions) {
    const { clock, random, log, metrics, clusterUrl } = options
    this.#options = options
    this.#ranking = new AccountRanking(random)
    this.#calls = new Calls({
      clock,
      metrics,
      ranking: this.#ranking,
      onSasRefused: () => this.#resources.refuse(),
    })
    this.#management = createManagementClient(options)
    this.#resources = new IngestionResourceCache({
      management: this.#management,
      cacheExpirationMs: options.cacheExpirationMs,
      clock,
      onFetched: ({ containers, queues }) => {
        this.#ranking.retain(new Set([...containers, ...queues].map(({ account }) => account)))
        this.#calls.noteResources(undefined)
        log.info({ event: 'kusto.resources_fetched' }, 'Ingestion resources were fetched.')
      },
      onFetchFailed: (error) => {
        this.#calls.noteResources(messageOf(error))
        metrics.kustoErrors.inc({ operation: 'resources', code: codeOf(error) })
        log.warn({ event: 'kusto.resources_failed', code: codeOf(error) }, messageOf(error))
      },
    })
    this.#agent = new Agent({ connect: { timeout: 10_000 }, connections: limits.deliveriesInFlight })
    this.#blobs = new BlobClient(this.#agent)
    this.#statusTables = new StatusTableClient(this.#agent)
    this.#messages = createMessageBuilder(options.ingestionUrl)
    const tokens = createTokenSource(options)
    this.#engine = new EngineClient({ clusterUrl, dispatcher: this.#agent, tokens, random })
    this.#extents = new ExtentQuestions({ engine: this.#engine, clock, log })
    this.#stagingTables = new StagingTables({ engine: this.#engine, clock, log })
    this.#commits = new StagingCommits({ engine: this.#engine, log })
  }

  async probe(): Promise<void> {
    await this.#resources.get()
  }

  trouble(): KustoTrouble {
    return this.#calls.trouble()
  }

  async upload(batch: SealedBatch, sendingNumber: number, earlier?: UploadedBlob): Promise<UploadedBlob> {
    if (isStaged(batch)) await this.#calls.measure('staging', () => this.#stagingTables.prepare(batch))
    const { containers } = await this.#resources.get()
    if (earlier !== undefined && withSas(containers, earlier) !== undefined) return earlier
    const container = this.#choose('container', containers)
    const url = inContainer(container.url, blobNameOf(batch, sendingNumber))
    await this.#calls.measure('upload', () => this.#putOnce(batch, url), { account: container.account })
    return { url: withoutSas(url) }
  }

  async enqueue(batch: SealedBatch, sending: Sending): Promise<'sent' | 'unknown'> {
    const resources = await this.#resources.get()
    const blobUrl = withSas(resources.containers, sending.blob)
    if (blobUrl === undefined) {
      throw new SidecarError(
        'KUSTO_SAS_REFUSED',
        `Kusto no longer hands out the container of the blob ${sending.blob.url}, and could not read it.`,
      )
    }
    const queue = this.#choose('queue', resources.queues)
    const sourceId = sourceIdOf(batch.id, sending.number)
    const statusPlace = batch.settlement.isPolled
      ? await this.#writeStatusRow(batch, sending, resources)
      : undefined
    const { identityToken } = resources
    const message = await this.#messages
      .build(batch, { sourceId, blobUrl, identityToken, statusPlace })
      .catch((error: unknown) => {
        throw kustoError(error, 'Making the ingestion message')
      })
    const posting = await this.#calls.measure('enqueue', () => postMessage(this.#agent, queue.url, message), {
      account: queue.account,
      failureOf: (one) => (one.kind === 'unknown' ? one.why : undefined),
    })
    if (posting.kind === 'unknown') {
      const fields = { event: 'kusto.message_unknown', batch: batch.id, code: posting.why.code }
      this.#options.log.warn(fields, `Nobody knows whether the message was posted. ${posting.why.message}`)
    }
    return posting.kind
  }

  async statusOf(batch: SealedBatch, sending: Sending): Promise<IngestionOutcome> {
    const { statusTables } = await this.#resources.get()
    const sourceId = sourceIdOf(batch.id, sending.number)
    const row = await this.#calls.measure('status', () => readRow(this.#statusTables, statusTables, sourceId))
    // The next message must not carry the same token.
    if (row?.errorCode === staleTokenCode) this.#resources.refuse()
    if (isStaged(batch) && isTableUnknown(row)) this.#stagingTables.forget(batch)
    const destination = destinationLabel(batch.destination)
    return outcomeOf(row, { batchId: batch.id, destination, sourceId, isStaged: isStaged(batch) })
  }

  async isIngested(batch: SealedBatch): Promise<boolean | undefined> {
    if (isStaged(batch)) return this.#calls.measure('extents', () => this.#commits.isIngested(batch))
    if (this.#extents.isRefused(batch)) return undefined
    const answer = await this.#calls.measure('extents', () => this.#extents.ask(batch), {
      failureOf: (one) => (one.kind === 'refused' ? one.error : undefined),
    })
    return this.#extents.judge(batch, answer)
  }

  commit(batch: SealedBatch): Promise<CommitOutcome> {
    return this.#calls.measure('commit', () => this.#commits.commit(batch))
  }

  async withdraw(sending: Sending): Promise<boolean> {
    let refusedUrl: string | undefined
    for (;;) {
      const { containers } = await this.#resources.get()
      const url = withSas(containers, sending.blob)
      // The second time only with another SAS: the first may have ended.
      if (url === undefined || url === refusedUrl) return false
      const refusal = await this.#calls.measure('withdraw', () => this.#blobs.remove(url), {
        failureOf: (why) => why,
      })
      if (refusal === undefined) return true
      if (refusedUrl !== undefined) return false
      refusedUrl = url
    }
  }

  createTable(database: string, table: string, columns: KustoColumns): Promise<TableCreation> {
    return createTable(this.#engine, { database, table, columns })
  }

  async close(): Promise<void> {
    await this.#management.close()
    await this.#agent.destroy()
  }

  /**
   * A blob of that name can only be an earlier attempt of the same sending, whole or not at all. It is written again when its
   * length cannot be verified: equal bytes over equal bytes do no harm.
   */
  async #putOnce(batch: SealedBatch, url: string): Promise<void> {
    const blob = { bytesCount: batch.blobBytes, read: () => batch.read() }
    if ((await this.#blobs.put(url, { ...blob, onlyIfNew: true })) === 'created') return
    if ((await this.#blobs.bytesCount(url)) === batch.blobBytes) return
    await this.#blobs.put(url, { ...blob, onlyIfNew: false })
  }

  /** Undefined when there can be no row. The message is sent all the same: data late is better than no data. */
  async #writeStatusRow(
    batch: SealedBatch,
    { number, blob }: Sending,
    { statusTables }: IngestionResources,
  ): Promise<StatusPlace | undefined> {
    const { clock, log } = this.#options
    const { id, destination } = batch
    const row = {
      sourceId: sourceIdOf(id, number),
      blobUrl: withoutSas(blob.url),
      database: destination.database,
      table: ingestedTable(batch),
      updatedOn: isoTime(clock.now()),
    }
    const effect = 'Kusto will not be asked to report how the ingestion ends.'
    try {
      const place = await this.#calls.measure('status_row', () =>
        writeRow(this.#statusTables, statusTables, row, clock),
      )
      if (place === undefined)
        log.warn(
          { event: 'kusto.status_table_missing', batch: id },
          `Kusto handed out no status table. ${effect}`,
        )
      return place
    } catch (error) {
      const fields = { event: 'kusto.status_row_failed', batch: id, code: codeOf(error) }
      log.warn(fields, `${messageOf(error)} ${effect}`)
      return undefined
    }
  }

  #choose(kind: 'container' | 'queue', resources: readonly StorageResource[]): StorageResource {
    const chosen = this.#ranking.choose(kind, resources)
    if (chosen === undefined) throw new SidecarError('KUSTO_NO_RESOURCES', `Kusto handed out no ${kind}.`)
    return chosen
  }
}
