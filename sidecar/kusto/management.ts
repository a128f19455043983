/**
 * Management commands through the official client `azure-kusto-data`: connection string, cloud metadata, token, V1 response.
 *
 * The SDK fetches the cluster's metadata without a time-out and retries nothing but throttling, so each call here has a
 * deadline of its own, and retrying is left to delivery. It is loaded on first use: it costs about 300 ms and 50 MB.
 */
import type { KustoAuth } from '../core/kusto-auth.ts'
import { limits } from '../core/limits.ts'
import { kustoError } from './classify.ts'
import { createCredential } from './credentials.ts'
import { withDeadline } from './deadline.ts'

export type ManagementOptions = {
  /** The data management service, `https://ingest-...`. */
  readonly ingestionUrl: string
  readonly auth: KustoAuth
  /** Lets the SDK send tokens and commands to a host that is not one of Microsoft's. */
  readonly trustHost: boolean
}

export type Row = Readonly<Record<string, unknown>>

export interface ManagementClient {
  /** The rows of the first table of the answer. Rejects with a `KUSTO_` error. */
  execute(command: string): Promise<Row[]>
  close(): Promise<void>
}

/** The database named in commands that concern the whole cluster, as all official clients do. */
const anyDatabase = 'NetDefaultDB'

export function createManagementClient(options: ManagementOptions): ManagementClient {
  let connecting: ReturnType<typeof connect> | undefined
  return {
    async execute(command) {
      const what = `The command "${command}" to ${options.ingestionUrl}`
      try {
        connecting ??= connect(options).catch((error: unknown) => {
          connecting = undefined
          throw error
        })
        const { client, properties } = await connecting
        const answer = await withDeadline(
          client.executeMgmt(anyDatabase, command, properties()),
          limits.kustoRequestTimeoutMs,
        )
        const [table] = answer.primaryResults
        return table === undefined ? [] : [...table.rows()].map((row) => row.toJSON<Row>())
      } catch (error) {
        throw kustoError(error, what)
      }
    },
    async close() {
      const connected = await connecting?.catch(() => undefined)
      connected?.client.close()
    },
  }
}

async function connect({ ingestionUrl, auth, trustHost }: ManagementOptions) {
  const credential = await createCredential(auth)
  const {
    Client,
    ClientRequestProperties,
    CloudSettings,
    KustoConnectionStringBuilder,
    MatchRule,
    kustoTrustedEndpoints,
  } = await import('azure-kusto-data')
  if (trustHost)
    kustoTrustedEndpoints.addTrustedHosts([new MatchRule(new URL(ingestionUrl).hostname, true)], false)
  // The metadata of a cluster says where to get a token. Without a credential nobody asks, and an engine that has no metadata
  // (the SDK forgives only a 404) works all the same.
  if (credential === undefined) CloudSettings.writeToCache(ingestionUrl)
  const connection =
    credential === undefined
      ? new KustoConnectionStringBuilder(ingestionUrl)
      : KustoConnectionStringBuilder.withTokenCredential(ingestionUrl, credential)
  connection.applicationNameForTracing = 'kusto-sidecar'
  const client = new Client(connection)
  const properties = () => {
    const own = new ClientRequestProperties()
    own.setClientTimeout(limits.kustoRequestTimeoutMs)
    return own
  }
  return { client, properties }
}
