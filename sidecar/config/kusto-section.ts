import { z } from 'zod'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { parseKustoUrl } from './kusto-url.ts'
import { checkedText, optionDocs, text } from './option-docs.ts'

const urlExpected =
  'a URL of a host and nothing behind it, such as "https://mycluster.westeurope.kusto.windows.net"'

const nameRule = 'letters, digits, "_", " ", "." and "-"'
export const databaseExpected = `the name of a database (${nameRule})`
export const tableExpected = `the name of a table (${nameRule})`

function kustoUrl() {
  return checkedText((value) =>
    parseKustoUrl(value) === undefined ? `expected ${urlExpected}, found other text` : undefined,
  )
}

/** The name of a database or a table. */
export function kustoName() {
  return checkedText(
    (value) => {
      const problem = kustoNameProblem(value)
      return problem === undefined ? undefined : `the name ${problem}`
    },
    { repeatsValue: true },
  )
}

const authSection = z.strictObject({
  type: z
    .enum(['default', 'client_secret', 'managed_identity', 'workload_identity', 'azure_cli', 'none'])
    .default('default')
    .register(optionDocs, {
      text:
        'How the sidecar proves who it is. `default` tries environment variables, workload identity, managed identity and the Azure CLI in turn; ' +
        'in production name the one you use, so that a mistake shows at once. `none` sends no credential and is for an emulator.',
      example: 'workload_identity',
    }),
  tenant_id: text(256).optional().register(optionDocs, {
    text: 'The Microsoft Entra tenant. Needed for `client_secret`; the other types find it themselves. Not used with `managed_identity` and `none`.',
    expected: 'the id or domain of a tenant',
    example: '11111111-2222-3333-4444-555555555555',
  }),
  client_id: text(256).optional().register(optionDocs, {
    text: 'The application (for `client_secret` and `workload_identity`) or the user-assigned identity (for `managed_identity`; without it the system-assigned one is used).',
    expected: 'the id of an application or identity',
    example: '66666666-7777-8888-9999-000000000000',
  }),
  client_secret: text(4_096).optional().register(optionDocs, {
    text: 'The secret of the application, for `client_secret` only. Keep it out of the file: take it from an environment variable.',
    secret: true,
    example: '${KUSTO_CLIENT_SECRET}',
  }),
  token_file: text(4_096).optional().register(optionDocs, {
    text: 'The file with the federated token, for `workload_identity` only. Without it `AZURE_FEDERATED_TOKEN_FILE` is read, which Kubernetes sets.',
    expected: 'the path of a file',
    example: '/var/run/secrets/azure/tokens/azure-identity-token',
  }),
})

/** Which keys each `auth.type` needs, and which it may have besides; any other key would be ignored, so it is refused. */
export const authKeys: Record<
  z.output<typeof authSection>['type'],
  { readonly needs: readonly AuthKey[]; readonly may: readonly AuthKey[] }
> = {
  default: { needs: [], may: ['tenant_id', 'client_id'] },
  client_secret: { needs: ['tenant_id', 'client_id', 'client_secret'], may: [] },
  managed_identity: { needs: [], may: ['client_id'] },
  workload_identity: { needs: [], may: ['tenant_id', 'client_id', 'token_file'] },
  azure_cli: { needs: [], may: ['tenant_id'] },
  none: { needs: [], may: [] },
}

type AuthKey = Exclude<keyof z.output<typeof authSection>, 'type'>

export const kustoSection = z.strictObject({
  cluster_url: kustoUrl().register(optionDocs, {
    text: 'The query endpoint of the cluster, as the Azure portal shows it. `https` is required, except for a host on this machine or with `allow_plain_http`.',
    expected: urlExpected,
    private: true,
    example: 'https://mycluster.westeurope.kusto.windows.net',
  }),
  ingestion_url: kustoUrl().optional().register(optionDocs, {
    text: 'The data ingestion endpoint. Set it only when it cannot be derived, for example behind a private endpoint with a name of its own.',
    expected: urlExpected,
    private: true,
    whenAbsent:
      '`cluster_url` with `ingest-` before the host name, or `cluster_url` itself when its host is on this machine, is an IP address or starts with `ingest-`',
    example: 'https://ingest-mycluster.westeurope.kusto.windows.net',
  }),
  database: kustoName().optional().register(optionDocs, {
    text: 'Where records posted to `/` go; set both `database` and `table`, or neither.',
    expected: databaseExpected,
    whenAbsent: '`POST /` has no destination',
    example: 'Logs',
  }),
  table: kustoName().optional().register(optionDocs, {
    text: 'Where records posted to `/` go; set both `database` and `table`, or neither.',
    expected: tableExpected,
    whenAbsent: '`POST /` has no destination',
    example: 'Raw',
  }),
  allow_plain_http: z.boolean().default(false).register(optionDocs, {
    text: 'Allow `http://` to a host that is not on this machine. Records and tokens are then readable on the way: for test set-ups only.',
    example: true,
  }),
  auth: authSection.prefault({}).register(optionDocs, { text: 'The credential for Kusto.' }),
})
