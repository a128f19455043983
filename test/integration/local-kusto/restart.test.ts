import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { startLocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { aPlainClient } from './plain-client.ts'

const mapping = '[{"column":"n","Properties":{"Path":"$.m"}}]'

describe('a local Kusto with a storage directory', () => {
  it('has its tables, mappings, rows, tags, blobs and waiting messages after a restart', async (t) => {
    const storageDirectory = await temporaryDirectory(t)
    const databases = { Db: { T: { columns: 'n:long, s:string', mappings: { named: mapping } } } }
    const first = await startLocalKusto({ storageDirectory, databases, batchingTimeMs: 0 })
    const client = aPlainClient(first, 'Db', 'T')
    const tagged = { properties: { tags: '["ingest-by:1"]', ingestIfNotExists: '["1"]' } }
    const blob = await client.upload('{"n":1,"s":"😀"}')
    await client.enqueue(blob, tagged)
    await first.waitForRows('Db', 'T', 1)
    first.faults.pauseIngestion = true
    await client.enqueue(blob, tagged)
    await client.enqueue(await client.upload('{"m":2}'), {
      properties: { ingestionMappingReference: 'named' },
    })
    await first.close()

    await using second = await startLocalKusto({ storageDirectory, batchingTimeMs: 0 })
    await second.waitForIngestions(2)

    assert.deepEqual(second.query('Db', 'T | order by n asc'), [
      { n: 1, s: '😀' },
      { n: 2, s: '' },
    ])
    assert.deepEqual(second.ingestions.map(({ outcome }) => outcome.status).toSorted(), [
      'Skipped',
      'Succeeded',
    ])
    assert.equal((await fetch(blob)).status, 200)
  })

  it('ingests after the restart what it held when it was closed', async (t) => {
    const storageDirectory = await temporaryDirectory(t)
    const first = await startLocalKusto({
      storageDirectory,
      databases: { Db: { T: 'n:long' } },
      batchingTimeMs: 3_600_000,
    })
    const client = aPlainClient(first, 'Db', 'T')
    await client.enqueue(await client.upload('{"n":1}'))
    await client.enqueue(await client.upload('{"n":2}'), { FlushImmediately: true })
    await first.waitForRows('Db', 'T', 1)
    assert.deepEqual(first.query('Db', 'T'), [{ n: 2 }])
    await first.close()

    await using second = await startLocalKusto({ storageDirectory, batchingTimeMs: 0 })

    await second.waitForRows('Db', 'T', 2)
  })

  it('cannot be started twice', async (t) => {
    const storageDirectory = await temporaryDirectory(t)
    await using first = await startLocalKusto({ storageDirectory })

    await assert.rejects(startLocalKusto({ storageDirectory }), /Another local Kusto uses/)
    assert.equal((await fetch(first.clusterUrl)).status, 200)
  })

  it('leaves nothing running when one of its ports is taken', async (t) => {
    const storageDirectory = await temporaryDirectory(t)
    await using stranger = await startLocalKusto()
    const port = Number(new URL(stranger.clusterUrl).port)
    await writeFile(join(storageDirectory, 'ports.json'), JSON.stringify({ blob: 0, queue: port, table: 0 }))

    await assert.rejects(startLocalKusto({ storageDirectory }), { code: 'EADDRINUSE' })
    await rm(join(storageDirectory, 'ports.json'))

    await using later = await startLocalKusto({ storageDirectory })
    assert.deepEqual(later.failures, [])
  })
})
