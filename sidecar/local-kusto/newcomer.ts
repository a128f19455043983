/** A local Kusto with a table for any record, and the configuration of a sidecar that fills it: for a first look without Azure. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalKusto } from './local-kusto.ts'

const database = 'Demo'
const table = 'Logs'
const mapping = 'any_record'

const mappingText = JSON.stringify([
  { column: 'timestamp', Properties: { Path: '$.timestamp' } },
  { column: 'level', Properties: { Path: '$.level' } },
  { column: 'message', Properties: { Path: '$.message' } },
  { column: 'record', Properties: { Path: '$' } },
])

/** Nothing of it is left after `close`. */
export async function startForNewcomer(
  port = 0,
): Promise<{ configText: string; clusterUrl: string; close: () => Promise<void> }> {
  const columns = 'timestamp:datetime, level:string, message:string, record:dynamic'
  const kusto = await startLocalKusto({
    port,
    databases: { [database]: { [table]: { columns, mappings: { [mapping]: mappingText } } } },
  })
  const directory = await mkdtemp(join(tmpdir(), 'kusto-sidecar-'))
  const configText = `
server: { listen: "127.0.0.1:8080" }
log: { format: pretty }
kusto: { cluster_url: "${kusto.clusterUrl}", database: ${database}, table: ${table}, auth: { type: none } }
write: { batch_interval_ms: 1000, ingestion_mapping_ref: ${mapping} }
journal: { directory: ${JSON.stringify(join(directory, 'journal'))} }
dead_letter: { directory: ${JSON.stringify(join(directory, 'dead-letters'))} }
`
  const close = async (): Promise<void> => {
    await kusto.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { configText, clusterUrl: kusto.clusterUrl, close }
}
