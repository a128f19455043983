import assert from 'node:assert/strict'
import { it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { createRouter } from '../../../sidecar/route/router.ts'
import { targetOf } from './fixtures.ts'

it('the router takes the configuration as it is', () => {
  const text = `
kusto: { cluster_url: "https://c.kusto.windows.net", database: Logs, table: Raw }
write: { batch_size: 5 }
routes: [{ match: { path: nginx }, database: Web, table: Nginx, batch_size: 7 }]
`
  const router = createRouter({ ...loadConfig(text, 'sidecar.yaml', {}), maxOpenDestinations: 10 })

  assert.equal(targetOf(router, '/').destination.table, 'Raw')
  assert.equal(targetOf(router, '/').limits.batchSize, 5)
  assert.equal(targetOf(router, '/ingest/nginx').destination.table, 'Nginx')
  assert.equal(targetOf(router, '/ingest/nginx').limits.batchSize, 7)
})
