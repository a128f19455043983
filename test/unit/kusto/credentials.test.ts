import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import type { KustoAuth } from '../../../sidecar/core/kusto-auth.ts'
import { createCredential } from '../../../sidecar/kusto/credentials.ts'
import { createManagementClient } from '../../../sidecar/kusto/management.ts'
import { StandInKusto } from '../../fakes/stand-in-kusto.ts'
import { onCleanup } from '../../helpers/cleanup.ts'

/** The token endpoint that Azure App Service gives to a managed identity: plain http on loopback. */
async function startIdentityEndpoint(t: TestContext, answer: (url: URL) => [number, string]): Promise<URL[]> {
  const asked: URL[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    asked.push(url)
    const [status, text] = answer(url)
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = process.env
  process.env['IDENTITY_ENDPOINT'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`
  process.env['IDENTITY_HEADER'] = 'header-secret'
  onCleanup(t, () => {
    server.close()
    server.closeAllConnections()
    for (const [name, value] of [
      ['IDENTITY_ENDPOINT', endpoint],
      ['IDENTITY_HEADER', header],
    ] as const) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  return asked
}

describe('a management command', () => {
  it('carries the token of the managed identity, asked for with the scope of the cluster', async (t) => {
    const kusto = await StandInKusto.start(t)
    const expiry = Math.floor(Date.now() / 1000) + 3600
    const token = JSON.stringify({
      access_token: 'the-token',
      expires_on: expiry,
      resource: 'r',
      token_type: 'Bearer',
    })
    const asked = await startIdentityEndpoint(t, () => [200, token])
    const auth: KustoAuth = { type: 'managed_identity', clientId: 'my-identity' }
    const management = createManagementClient({ ingestionUrl: kusto.url, auth, trustHost: true })

    const rows = await management.execute('.get kusto identity token')

    assert.deepEqual(rows, [{ AuthorizationContext: 'identity-token' }])
    assert.equal(
      kusto.requests.find(({ operation }) => operation === 'token')?.headers.authorization,
      'Bearer the-token',
    )
    assert.equal(asked[0]?.searchParams.get('resource'), 'https://kusto.kusto.windows.net')
    assert.equal(asked[0]?.searchParams.get('client_id'), 'my-identity')
    await management.close()
  })

  it('fails as unauthorized, to be tried again, when no token can be had', async (t) => {
    const kusto = await StandInKusto.start(t)
    await startIdentityEndpoint(t, () => [
      400,
      '{"error":"invalid_request","error_description":"no such identity"}',
    ])
    const management = createManagementClient({
      ingestionUrl: kusto.url,
      auth: { type: 'managed_identity', clientId: 'another-identity' },
      trustHost: true,
    })
    await assert.rejects(
      management.execute('.show version'),
      (error: Error & { code: string; disposition: string }) => {
        assert.equal(error.code, 'KUSTO_UNAUTHORIZED', error.message)
        assert.equal(error.disposition, 'retry')
        assert.ok(!error.message.includes('header-secret'))
        return true
      },
    )
    await management.close()
  })
})

describe('createCredential', () => {
  const kinds: [KustoAuth, string][] = [
    [{ type: 'default', tenantId: 't', clientId: 'c' }, 'DefaultAzureCredential'],
    [{ type: 'client_secret', tenantId: 't', clientId: 'c', clientSecret: 's' }, 'ClientSecretCredential'],
    [{ type: 'managed_identity' }, 'ManagedIdentityCredential'],
    [
      { type: 'workload_identity', tenantId: 't', clientId: 'c', tokenFile: '/token' },
      'WorkloadIdentityCredential',
    ],
    [{ type: 'azure_cli', tenantId: 't' }, 'AzureCliCredential'],
  ]
  for (const [auth, name] of kinds) {
    it(`makes a ${name} for ${auth.type}`, async () => {
      assert.equal((await createCredential(auth))?.constructor.name, name)
    })
  }

  it('makes none for none', async () => {
    assert.equal(await createCredential({ type: 'none' }), undefined)
  })
})
