import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startKusto } from '../helpers/local-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const yaml = `server: { listen: "127.0.0.1:0", shutdown_grace_ms: 200 }
write: { delivery_guarantee: exactly_once, commit: staging, batch_interval_ms: 50, poll_interval_ms: 20, poll_timeout_ms: 2000 }
retry: { base_interval_ms: 20, max_interval_ms: 100, max_attempts: 3 }
`
const body = '{"n":1}\n{"n":2}\n{"n":3}\n'

async function aSidecar(t: TestContext) {
  const kusto = await startKusto(t, { databases: { Logs: { App: 'n:long' } } })
  const directory = await temporaryDirectory(t)
  const start = () => runSidecar(t, { kustoUrl: kusto.clusterUrl, directory, yaml })
  const sidecar = await start()
  const send = async () => assert.equal((await post(`${sidecar.url}/`, body)).status, 200)
  const settled = () =>
    waitFor('an empty journal', async () => {
      const { values } = await sidecar.metrics.deliveryWaiting.get()
      return values[0]?.value === 0
    })
  const rows = () => kusto.rowCount('Logs', 'App')
  return { kusto, sidecar, send, settled, rows }
}

describe('a sidecar with a staging table', () => {
  it('makes it, and brings records through it', async (t) => {
    const { kusto, send, settled, rows } = await aSidecar(t)
    await send()
    await waitFor('the rows', () => rows() === 3)
    await settled()
    assert.equal(kusto.rowCount('Logs', 'App_staging'), 0)
    const [policy] = kusto.query('Logs', '.show table App_staging policy merge')
    assert.match(String(policy?.['Policy']), /"AllowMerge":false/)
    assert.equal(kusto.ingestions[0]?.message?.table, 'App_staging')
  })

  for (const status of ['PartiallySucceeded', 'Succeeded'] as const) {
    it(`recovers from an ingestion of a part that is said to have ${status}`, async (t) => {
      const { kusto, sidecar, send, settled, rows } = await aSidecar(t)
      kusto.faults.nextIngestions.push({ errorCode: 'X', failureStatus: 'Permanent', status, rowCount: 2 })
      await send()
      await waitFor('the rows', () => rows() > 0)
      await settled()
      assert.equal(rows(), 3)
      assert.equal(sidecar.logLines.filter((line) => line.includes('batch.rows_discarded')).length, 1)
    })
  }

  it('keeps dead letters, and nothing in the table, when each attempt brings the same part', async (t) => {
    const { kusto, sidecar, send, rows } = await aSidecar(t)
    for (let n = 0; n < 3; n += 1)
      kusto.faults.nextIngestions.push({
        errorCode: '',
        failureStatus: 'Permanent',
        status: 'Succeeded',
        rowCount: 2,
      })
    await send()
    const line = await waitFor('the dead letters', () =>
      sidecar.logLines.find((one) => one.includes('batch.dead_lettered')),
    )
    assert.match(line, /KUSTO_INGESTION_PARTIAL.*2 rows of the 3 records/)
    assert.deepEqual([rows(), kusto.rowCount('Logs', 'App_staging')], [0, 0])
  })

  it('moves rows once when the replies to its commands are lost', async (t) => {
    const { kusto, send, settled, rows } = await aSidecar(t)
    await send()
    await waitFor('the rows', () => rows() === 3)
    kusto.faults.lostCommands = 1
    await send()
    await waitFor('the rows', () => rows() === 6)
    await settled()
    assert.equal(kusto.faults.lostCommands, 0)
    assert.equal(rows(), 6)
  })

  it('waits while the engine refuses, and says which commands an administrator can run', async (t) => {
    const { kusto, sidecar, send, rows } = await aSidecar(t)
    kusto.faults.engine = 'forbid'
    await send()
    const line = await waitFor('a complaint', () =>
      sidecar.logLines.find((one) => one.includes('KUSTO_STAGING_REFUSED')),
    )
    assert.match(line, /\.add table \['App_staging'\] admins/)
    assert.equal(kusto.ingestions.length, 0)
    assert.deepEqual([rows(), (await sidecar.metrics.deliveryWaiting.get()).values[0]?.value], [0, 1])
  })
})
