/** Kusto's side of delivery: resources, upload, enqueue. See `KustoGateway` in core/ports.ts for what it promises. */
import { Agent } from 'undici'
import type { Clock, KustoGateway, KustoTrouble, Random, SealedBatch, UploadedBlob } from '../core/ports.ts'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import {
  IngestionResourceCache,
  type IngestionResources,
  type StorageResource,
} from './ingestion-resources.ts'
import { kustoError } from './classify.ts'
import { createManagementClient, type ManagementClient, type ManagementOptions } from './management.ts'
import { createMessageBuilder, type MessageBuilder } from './message.ts'
import { blobNameOf } from './names.ts'
import { AccountRanking } from './ranking.ts'
import { withoutSas } from './redact.ts'
import { StorageClient } from './storage.ts'

export type GatewayOptions = ManagementOptions & {
  readonly cacheExpirationMs: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
}

export class QueuedIngestion implements KustoGateway {
  readonly #options: GatewayOptions
  readonly #management: ManagementClient
  readonly #resources: IngestionResourceCache
  readonly #agent: Agent
  readonly #storage: StorageClient
  readonly #messages: MessageBuilder
  readonly #ranking: AccountRanking
  /** The last failure of each kind of call that has not worked since. */
  readonly #troubles = new Map<'resources' | 'upload' | 'enqueue', string>([
    ['resources', 'Kusto has not been reached yet.'],
  ])

  constructor(options: GatewayOptions) {
    const { clock, random, metrics, log } = options
    this.#options = options
    this.#ranking = new AccountRanking(random)
    this.#management = createManagementClient(options)
    this.#resources = new IngestionResourceCache({
      management: this.#management,
      cacheExpirationMs: options.cacheExpirationMs,
      clock,
      onFetched: ({ containers, queues }) => {
        this.#ranking.retain(new Set([...containers, ...queues].map(({ account }) => account)))
        this.#troubles.delete('resources')
        log.info({ event: 'kusto.resources_fetched' }, 'Ingestion resources were fetched.')
      },
      onFetchFailed: (error) => {
        this.#troubles.set('resources', messageOf(error))
        metrics.kustoErrors.inc({ operation: 'resources', code: codeOf(error) })
        log.warn({ event: 'kusto.resources_failed', code: codeOf(error) }, messageOf(error))
      },
    })
    this.#agent = new Agent({ connect: { timeout: 10_000 }, connections: limits.deliveriesInFlight })
    this.#storage = new StorageClient(this.#agent)
    this.#messages = createMessageBuilder(options.ingestionUrl)
  }

  async probe(): Promise<void> {
    await this.#resources.get()
  }

  trouble(): KustoTrouble {
    const service = this.#troubles.get('resources')
    const delivery = this.#troubles.get('upload') ?? this.#troubles.get('enqueue')
    return { ...(service === undefined ? {} : { service }), ...(delivery === undefined ? {} : { delivery }) }
  }

  async upload(batch: SealedBatch): Promise<UploadedBlob> {
    const { containers } = await this.#resources.get()
    const container = this.#choose('container', containers)
    const url = inContainer(container.url, blobNameOf(batch))
    await this.#measured('upload', container, () => this.#putOnce(batch, url))
    return { url: withoutSas(url) }
  }

  async enqueue(batch: SealedBatch, blob: UploadedBlob): Promise<void> {
    let resources = await this.#resources.get()
    let blobUrl = withSas(resources, blob)
    if (blobUrl === undefined) {
      // The container is no longer handed out, so Kusto could not read the blob: it goes into a current one.
      const again = await this.upload(batch)
      resources = await this.#resources.get()
      blobUrl = withSas(resources, again)
      if (blobUrl === undefined)
        throw new SidecarError('KUSTO_SAS_REFUSED', 'The container of a blob was rotated away twice.')
    }
    const message = await this.#messages
      .build(batch, blobUrl, resources.identityToken)
      .catch((error: unknown) => {
        throw kustoError(error, 'Making the ingestion message')
      })
    const queue = this.#choose('queue', resources.queues)
    await this.#measured('enqueue', queue, () => this.#storage.putMessage(queue.url, message))
  }

  async close(): Promise<void> {
    await this.#management.close()
    await this.#agent.destroy()
  }

  /**
   * A blob of that name can only be an earlier attempt of the same batch, whole or not at all. It is written again when its
   * length cannot be verified: equal bytes over equal bytes do no harm.
   */
  async #putOnce(batch: SealedBatch, url: string): Promise<void> {
    const blob = { bytesCount: batch.blobBytes, read: () => batch.read() }
    if ((await this.#storage.putBlob(url, { ...blob, onlyIfNew: true })) === 'created') return
    if ((await this.#storage.blobBytes(url)) === batch.blobBytes) return
    await this.#storage.putBlob(url, { ...blob, onlyIfNew: false })
  }

  #choose(kind: 'container' | 'queue', resources: readonly StorageResource[]): StorageResource {
    const chosen = this.#ranking.choose(kind, resources)
    if (chosen === undefined) throw new SidecarError('KUSTO_NO_RESOURCES', `Kusto handed out no ${kind}.`)
    return chosen
  }

  async #measured<Result>(
    operation: 'upload' | 'enqueue',
    resource: StorageResource,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { clock, metrics } = this.#options
    const startedAt = clock.monotonic()
    try {
      const result = await work()
      this.#ranking.report(resource.account, true)
      this.#troubles.delete(operation)
      return result
    } catch (error) {
      const code = codeOf(error)
      metrics.kustoErrors.inc({ operation, code })
      // A blob that is refused for what it is says nothing about Kusto, nor does a file that cannot be read.
      if (code.startsWith('KUSTO_') && code !== 'KUSTO_BLOB_REFUSED') {
        this.#ranking.report(resource.account, false)
        this.#troubles.set(operation, messageOf(error))
      }
      if (code === 'KUSTO_SAS_REFUSED') this.#resources.refuse()
      throw error
    } finally {
      metrics.kustoRequestSeconds.observe({ operation }, (clock.monotonic() - startedAt) / 1000)
    }
  }
}

/** Adds a blob name to the address of a container, before its SAS. */
function inContainer(containerUrl: string, blobName: string): string {
  const base = withoutSas(containerUrl)
  return `${base.replace(/\/$/, '')}/${blobName}${containerUrl.slice(base.length)}`
}

/** The address of an uploaded blob with the SAS that its container has now. */
function withSas({ containers }: IngestionResources, blob: UploadedBlob): string | undefined {
  const slash = blob.url.lastIndexOf('/')
  const container = containers.find(
    ({ url }) => withoutSas(url).replace(/\/$/, '') === blob.url.slice(0, slash),
  )
  return container === undefined ? undefined : inContainer(container.url, blob.url.slice(slash + 1))
}
