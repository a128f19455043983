/** How the sidecar proves who it is; the kinds of `kusto.auth.type`. */
export type KustoAuth =
  | { readonly type: 'default'; readonly tenantId?: string; readonly clientId?: string }
  | {
      readonly type: 'client_secret'
      readonly tenantId: string
      readonly clientId: string
      readonly clientSecret: string
    }
  | { readonly type: 'managed_identity'; readonly clientId?: string }
  | {
      readonly type: 'workload_identity'
      readonly tenantId?: string
      readonly clientId?: string
      readonly tokenFile?: string
    }
  | { readonly type: 'azure_cli'; readonly tenantId?: string }
  | { readonly type: 'none' }
