/**
 * The containers, queues, status tables and identity token that Kusto hands out, cached for `cacheExpirationMs` (`lru-cache`).
 *
 * One fetch at a time; refreshed in the background after three quarters of the time (or of the life of the shortest SAS); the
 * old set stays in use while a refresh fails. Source: learn.microsoft.com, "Ingest data without Kusto.Ingest library".
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import type { ManagementClient, Row } from './management.ts'

/** A container, queue or table. `url` carries its SAS and must not be logged. */
export type StorageResource = { readonly url: string; readonly account: string }

export type IngestionResources = {
  readonly containers: readonly StorageResource[]
  readonly queues: readonly StorageResource[]
  /** May be empty: without them nobody says how an ingestion ended. */
  readonly statusTables: readonly StorageResource[]
  readonly identityToken: string
}

/** A refresh starts when this share of the time is over. */
const freshShare = 0.75

/** Between two fetches because of a refused SAS. */
const refusalIntervalMs = 10_000

export type ResourceCacheOptions = {
  readonly management: ManagementClient
  readonly cacheExpirationMs: number
  readonly clock: Clock
  readonly onFetched: (resources: IngestionResources) => void
  readonly onFetchFailed: (error: unknown) => void
}

export class IngestionResourceCache {
  readonly #options: ResourceCacheOptions
  readonly #cache: LRUCache<'resources', IngestionResources>
  #isRefused = false
  #refusalFetchedAtMs = -Infinity
  #isFetchingForRefusal = false
  #lastError: unknown

  constructor(options: ResourceCacheOptions) {
    this.#options = options
    this.#cache = new LRUCache<'resources', IngestionResources>({
      max: 1,
      ttl: options.cacheExpirationMs * freshShare,
      // lru-cache takes a time of 0 for "no time", so a clock that starts there is moved by one.
      perf: { now: () => options.clock.monotonic() + 1 },
      ttlResolution: 0,
      allowStale: true,
      allowStaleOnFetchRejection: true,
      noDeleteOnFetchRejection: true,
      fetchMethod: async (_key, _stale, { options: entry }) => {
        const resources = await this.#fetch()
        entry.ttl = this.#freshMs(resources)
        return resources
      },
    })
  }

  /** The current set. Rejects with a `KUSTO_` error only when there is none at all. */
  async get(): Promise<IngestionResources> {
    const forceRefresh = this.#isRefused && this.#mayFetchForRefusal()
    // After a refusal the caller waits for the new set; otherwise it gets the old one while a new one is on its way.
    const resources = await this.#cache.fetch('resources', { forceRefresh, allowStale: !forceRefresh })
    if (resources !== undefined) return resources
    // lru-cache gives undefined, and not the error, when a fetch fails and there is no old set.
    throw (
      this.#lastError ?? new SidecarError('KUSTO_NO_RESOURCES', 'Kusto handed out no ingestion resources.')
    )
  }

  /** Storage refused a SAS: the next `get` fetches a new set, but not more often than `refusalIntervalMs`. */
  refuse(): void {
    this.#isRefused = true
  }

  /** When a new SAS is refused too (a wrong clock, a firewall), asking for yet another at every attempt would only load the cluster. */
  #mayFetchForRefusal(): boolean {
    const now = this.#options.clock.monotonic()
    if (now - this.#refusalFetchedAtMs < refusalIntervalMs) return this.#isFetchingForRefusal
    this.#refusalFetchedAtMs = now
    this.#isFetchingForRefusal = true
    return true
  }

  async #fetch(): Promise<IngestionResources> {
    const { management, onFetched, onFetchFailed } = this.#options
    try {
      const [rows, tokenRows] = await Promise.all([
        management.execute('.get ingestion resources'),
        management.execute('.get kusto identity token'),
      ])
      const resources = {
        containers: neededResourcesOf(rows, 'TempStorage'),
        queues: neededResourcesOf(rows, 'SecuredReadyForAggregationQueue'),
        statusTables: resourcesOf(rows, 'IngestionsStatusTable'),
        identityToken: identityTokenOf(tokenRows),
      }
      this.#isRefused = false
      this.#isFetchingForRefusal = false
      onFetched(resources)
      return resources
    } catch (error) {
      this.#lastError = error
      this.#isFetchingForRefusal = false
      onFetchFailed(error)
      throw error
    }
  }

  /** Three quarters of the shorter of the configured time and the life of the SAS that ends first. */
  #freshMs({ containers, queues, statusTables }: IngestionResources): number {
    const now = this.#options.clock.now()
    const lives = [...containers, ...queues, ...statusTables].map(({ url }) => sasExpiryMs(url) - now)
    return Math.max(1_000, Math.min(this.#options.cacheExpirationMs, ...lives) * freshShare)
  }
}

function resourcesOf(rows: readonly Row[], typeName: string): StorageResource[] {
  return rows
    .filter((row) => row['ResourceTypeName'] === typeName)
    .map((row) => row['StorageRoot'])
    .filter((url) => typeof url === 'string')
    .filter((url) => URL.canParse(url))
    .map((url) => ({ url, account: accountOf(new URL(url)) }))
}

function neededResourcesOf(
  rows: readonly Row[],
  typeName: 'TempStorage' | 'SecuredReadyForAggregationQueue',
): StorageResource[] {
  const resources = resourcesOf(rows, typeName)
  if (resources.length === 0) {
    throw new SidecarError(
      'KUSTO_NO_RESOURCES',
      `".get ingestion resources" gave no ${typeName}. Is kusto.ingestion_url the data management service (https://ingest-...)?`,
    )
  }
  return resources
}

function identityTokenOf(rows: readonly Row[]): string {
  const token = rows[0]?.['AuthorizationContext']
  if (typeof token === 'string' && token !== '') return token
  throw new SidecarError('KUSTO_NO_RESOURCES', '".get kusto identity token" gave no token.')
}

/** The storage account: the host, and for emulators with addresses like `http://127.0.0.1:10000/account/container` the first segment too. */
function accountOf(url: URL): string {
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  return segments.length > 1 ? `${url.host}/${segments[0]}` : url.host
}

/** When the SAS ends, milliseconds since 1970, by its `se`; far away when it does not say. */
function sasExpiryMs(url: string): number {
  const text = new URL(url).searchParams.get('se')
  // oxlint-disable-next-line no-restricted-globals -- parsing a date asks for no time
  const expiry = text === null ? Number.NaN : Date.parse(text)
  return Number.isNaN(expiry) ? Infinity : expiry
}
