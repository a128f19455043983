import type { TokenCredential } from '@azure/identity'
import type { KustoAuth } from '../core/kusto-auth.ts'

/** The credential for the options; undefined for `none`. `@azure/identity` is loaded here, since it costs about 150 ms and 40 MB. */
export async function createCredential(auth: KustoAuth): Promise<TokenCredential | undefined> {
  if (auth.type === 'none') return undefined
  const identity = await import('@azure/identity')
  switch (auth.type) {
    case 'default':
      return new identity.DefaultAzureCredential({
        ...tenantOf(auth),
        ...(auth.clientId === undefined
          ? {}
          : { managedIdentityClientId: auth.clientId, workloadIdentityClientId: auth.clientId }),
      })
    case 'client_secret':
      return new identity.ClientSecretCredential(auth.tenantId, auth.clientId, auth.clientSecret)
    case 'managed_identity':
      return new identity.ManagedIdentityCredential(clientOf(auth))
    case 'workload_identity':
      return new identity.WorkloadIdentityCredential({
        ...tenantOf(auth),
        ...clientOf(auth),
        ...(auth.tokenFile === undefined ? {} : { tokenFilePath: auth.tokenFile }),
      })
    case 'azure_cli':
      return new identity.AzureCliCredential(tenantOf(auth))
  }
}

function tenantOf({ tenantId }: { readonly tenantId?: string }): { tenantId?: string } {
  return tenantId === undefined ? {} : { tenantId }
}

function clientOf({ clientId }: { readonly clientId?: string }): { clientId?: string } {
  return clientId === undefined ? {} : { clientId }
}
