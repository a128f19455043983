/** The queries that prove completeness are checked by Microsoft's own parser and binder, so that they cannot rot with the columns. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { checkpointColumns } from '../../sidecar/core/checkpoint-columns.ts'
import { createTableCommand } from '../../sidecar/kusto/create-table.ts'
import { parseQuery } from '../../sidecar/local-kusto/kql/language.ts'

const file = new URL('../../plugin-config/kusto/checkpoints.kql', import.meta.url)
/** Parts between empty lines, without comments. */
const parts = readFileSync(file, 'utf8')
  .split(/\n\n+/)
  .map((part) => part.replaceAll(/^\/\/.*\n?/gm, '').trim())
  .filter((part) => part !== '')
const [command, ...queries] = parts
const tables = [
  { name: 'SidecarCheckpoints', columns: checkpointColumns.map(([name, type]) => ({ name, type })) },
  { name: 'App', columns: [{ name: 'id', type: 'long' as const }] },
]

describe('plugin-config/kusto/checkpoints.kql', () => {
  it('has the command that the sidecar runs itself', () => {
    assert.equal(command, createTableCommand('SidecarCheckpoints', checkpointColumns))
  })

  it('has queries that fit the table', () => {
    assert.equal(queries.length, 6)
    for (const query of queries) parseQuery(query, 'Logs', tables)
  })

  it('is read by a check that finds a wrong column', () => {
    assert.throws(() => parseQuery('SidecarCheckpoints | summarize max(sequenz)', 'Logs', tables))
  })
})
