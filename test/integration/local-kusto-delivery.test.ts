import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startKusto } from '../helpers/local-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const columns = 'id:long, text:string, record:dynamic'
const mapping = JSON.stringify([
  { column: 'id', Properties: { Path: '$.id' } },
  { column: 'record', Properties: { Path: '$' } },
])

describe('the sidecar and a Kusto that ingests', () => {
  it('gives rows by column name, by mapping, in several tables, each once', async (t) => {
    const kusto = await startKusto(t, {
      databases: { Logs: { Plain: columns, Mapped: { columns, mappings: { whole: mapping } } } },
    })
    const yaml = `
write: { batch_interval_ms: 200 }
routes:
  - { match: { path: mapped }, database: Logs, table: Mapped, ingestion_mapping_ref: whole, flush_immediately: true }`
    const sidecar = await runSidecar(t, {
      kustoUrl: kusto.clusterUrl,
      directory: await temporaryDirectory(t),
      yaml,
    })
    const record = '{"id":9007199254740993,"text":"\\u0000 😀 \u2028","other":[1,{"a":1.5e300}]}'
    for (let n = 0; n < 20; n += 1) {
      assert.equal((await post(`${sidecar.url}/ingest/Logs/Plain`, record)).status, 200)
      assert.equal((await post(`${sidecar.url}/ingest/mapped`, `[${record},${record}]`)).status, 200)
    }

    await kusto.waitForRows('Logs', 'Plain', 20)
    await kusto.waitForRows('Logs', 'Mapped', 40)

    assert.deepEqual(kusto.query('Logs', 'Plain | summarize count() by id, text'), [
      { id: 9007199254740993n, text: '\u0000 😀 \u2028', count_: 20 },
    ])
    assert.deepEqual(kusto.query('Logs', 'Mapped | where record.other[0] == 1 | count'), [{ Count: 40 }])
    assert.deepEqual(kusto.failures, [])
  })

  it('goes on through refused SAS, throttling and a dead storage', async (t) => {
    const kusto = await startKusto(t, { databases: { Logs: { Plain: columns } } })
    const yaml = 'write: { batch_interval_ms: 50 }\nretry: { base_interval_ms: 20, max_interval_ms: 100 }'
    const sidecar = await runSidecar(t, {
      kustoUrl: kusto.clusterUrl,
      directory: await temporaryDirectory(t),
      yaml,
    })
    let sent = 0
    const send = async () => {
      sent += 1
      assert.equal((await post(`${sidecar.url}/ingest/Logs/Plain`, `{"id":${sent}}`)).status, 200)
    }
    await send()
    await kusto.waitForRows('Logs', 'Plain', 1)

    const attemptsFailed = () => sidecar.logLines.filter((line) => line.includes('batch.attempt')).length
    for (const service of ['blob', 'queue'] as const) {
      kusto.faults.storage[service] = 'error'
      const before = attemptsFailed()
      await send()
      await waitFor(`a failed attempt at ${service}`, () => attemptsFailed() > before)
      kusto.faults.storage[service] = 'none'
    }

    await kusto.waitForRows('Logs', 'Plain', sent)
    const ids = kusto.query('Logs', 'Plain | distinct id | count')
    assert.deepEqual(ids, [{ Count: sent }])
  })
})
