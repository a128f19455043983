import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../sidecar/config/load.ts'
import { startForNewcomer } from '../../../sidecar/local-kusto/newcomer.ts'

describe('startForNewcomer', () => {
  it('gives a configuration that the sidecar accepts, and leaves nothing behind', async () => {
    const newcomer = await startForNewcomer()
    const config = loadConfig(newcomer.configText, 'the built-in configuration', {})

    await newcomer.close()

    assert.equal(config.kusto.clusterUrl, newcomer.clusterUrl)
    assert.deepEqual(config.defaultDestination, { database: 'Demo', table: 'Logs' })
    await assert.rejects(access(dirname(config.journal.directory)), { code: 'ENOENT' })
  })
})
