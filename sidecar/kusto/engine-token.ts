/** The bearer token for the engine. The scope is in the metadata of the cluster, which `azure-kusto-data` reads. */
import type { Clock } from '../core/ports.ts'
import type { KustoAuth } from '../core/kusto-auth.ts'
import { limits } from '../core/limits.ts'
import { createCredential } from './credentials.ts'
import { withDeadline } from './deadline.ts'

export interface TokenSource {
  /** Undefined for a cluster that wants none. Rejects with whatever the SDK or the credential throws. */
  token(): Promise<string | undefined>
  /** The engine refused the last one. */
  forget(): void
}

export type TokenOptions = {
  readonly clusterUrl: string
  readonly auth: KustoAuth
  readonly trustHost: boolean
  readonly clock: Clock
  /** For tests. */
  readonly makeCredential?: typeof createCredential
}

/** A token that ends sooner than this is not used any more. */
const marginMs = 5 * 60_000

export function createTokenSource(options: TokenOptions): TokenSource {
  let connecting: ReturnType<typeof connect> | undefined
  let current: { readonly token: string; readonly expiresOnTimestamp: number } | undefined
  return {
    async token() {
      if (options.auth.type === 'none') return undefined
      if (current !== undefined && current.expiresOnTimestamp - marginMs > options.clock.now())
        return current.token
      connecting ??= connect(options).catch((error: unknown) => {
        connecting = undefined
        throw error
      })
      const { credential, scope } = await withDeadline(connecting, limits.kustoRequestTimeoutMs)
      const fresh = await withDeadline(credential.getToken(scope), limits.kustoRequestTimeoutMs)
      current = fresh ?? undefined
      return fresh?.token
    },
    forget() {
      current = undefined
    },
  }
}

async function connect({ clusterUrl, auth, trustHost, makeCredential = createCredential }: TokenOptions) {
  const credential = await makeCredential(auth)
  if (credential === undefined) throw new Error('There is no credential.')
  const { CloudSettings, MatchRule, kustoTrustedEndpoints } = await import('azure-kusto-data')
  const host = new URL(clusterUrl).hostname
  if (trustHost) kustoTrustedEndpoints.addTrustedHosts([new MatchRule(host, true)], false)
  const cloud = await CloudSettings.getCloudInfoForCluster(clusterUrl)
  // The token goes to no host that is not Microsoft's, or trusted by the configuration.
  kustoTrustedEndpoints.validateTrustedEndpoint(clusterUrl, cloud.LoginEndpoint)
  // As the SDK does for clusters that ask for a second factor.
  const resource = cloud.LoginMfaRequired
    ? cloud.KustoServiceResourceId.replace('.kusto.', '.kustomfa.')
    : cloud.KustoServiceResourceId
  return { credential, scope: `${resource}/.default` }
}
