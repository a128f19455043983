import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import type { TokenCredential } from '@azure/identity'
import { CloudSettings } from 'azure-kusto-data'
import { createTokenSource } from '../../../sidecar/kusto/engine-token.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

const hourMs = 3_600_000

async function create(t: TestContext, options: { metadata?: object; clusterUrl?: string } = {}) {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ AzureAD: options.metadata ?? null }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const clock = new ManualClock()
  const scopes: (string | string[])[] = []
  const credential: TokenCredential = {
    getToken: async (scope) => {
      scopes.push(scope)
      return { token: `token ${scopes.length}`, expiresOnTimestamp: clock.now() + hourMs }
    },
  }
  const source = createTokenSource({
    clusterUrl: options.clusterUrl ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    auth: { type: 'default' },
    trustHost: false,
    clock,
    makeCredential: async () => credential,
  })
  return { clock, scopes, source }
}

describe('the token for the engine', () => {
  it('has the scope that the cluster names, and is used until shortly before its end', async (t) => {
    const { clock, scopes, source } = await create(t, {
      metadata: {
        LoginEndpoint: 'https://login.microsoftonline.us',
        KustoServiceResourceId: 'https://kusto.kusto.usgovcloudapi.net',
        LoginMfaRequired: false,
      },
    })
    assert.equal(await source.token(), 'token 1')
    assert.equal(await source.token(), 'token 1')
    assert.deepEqual(scopes, ['https://kusto.kusto.usgovcloudapi.net/.default'])
    clock.advance(hourMs - 4 * 60_000)
    assert.equal(await source.token(), 'token 2')
    source.forget()
    assert.equal(await source.token(), 'token 3')
  })

  it('has the scope of the public cloud when the cluster names none', async (t) => {
    const { scopes, source } = await create(t)
    await source.token()
    assert.deepEqual(scopes, ['https://kusto.kusto.windows.net/.default'])
  })

  it('goes to no host that is not trusted', async (t) => {
    const clusterUrl = 'https://not-kusto.example.com'
    CloudSettings.writeToCache(clusterUrl)
    const { scopes, source } = await create(t, { clusterUrl })
    await assert.rejects(source.token(), /not-kusto\.example\.com/)
    assert.deepEqual(scopes, [])
  })

  it('is none for a cluster without authentication', async () => {
    const clock = new ManualClock()
    const source = createTokenSource({
      clusterUrl: 'http://127.0.0.1:1',
      auth: { type: 'none' },
      trustHost: false,
      clock,
    })
    assert.equal(await source.token(), undefined)
  })
})
