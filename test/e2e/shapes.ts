/** Where the records of a real Fluent Bit go by tag and field, and the rows that users of its azure_kusto output expect. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { FluentBit } from '../helpers/fluent-bit.ts'
import { waitFor } from '../helpers/wait.ts'
import { LogFile, tally, tricky } from './records.ts'
import { Rig } from './setup.ts'

const sidecarYaml = `
routes:
  - { match: { path: rows }, database: Logs, table: Rows, shape: envelope }
  - { match: { tag: 'app.web.*', field: level, equals: error }, database: Logs, table: WebErrors }
  - { match: { tag: 'app.web.*' }, database: Logs, table: Web }
  - { match: { tag: 'app.*' }, database: Logs, table: '{tag[1]}', allowed_tables: [db] }
`

const fluentBitYaml = `
service:
  flush: 0.3
  log_level: info
parsers:
  - name: json_line
    format: json
pipeline:
  inputs:
${['app.web.front', 'app.db.main', 'app.cache.main']
  .map(
    (tag) => `    - name: tail
      path: \${DIRECTORY}/${tag}.log
      tag: ${tag}
      parser: json_line
      read_from_head: on
`,
  )
  .join('')}
    - name: dummy
      tag: app.web.alarm
      samples: 1
      dummy: '{"uid":"alarm-0-end","level":"error"}'
  outputs:
    - name: http
      match: '*'
      host: 127.0.0.1
      port: \${SIDECAR_PORT}
      uri: /
      format: json_lines
      json_date_format: iso8601
      header_tag: X-Fluent-Tag
      retry_limit: no_limits
    - name: http
      match: '*'
      host: 127.0.0.1
      port: \${SIDECAR_PORT}
      uri: /ingest/rows
      format: msgpack
      header_tag: X-Fluent-Tag
      retry_limit: no_limits
`

describe('tags, fields and envelopes', () => {
  it('decide tables and rows', { timeout: 60_000 }, async (t) => {
    const rig = await Rig.create(t, ['App', 'Rows', 'Web', 'WebErrors', 'db'], sidecarYaml)
    await rig.startSidecar()
    const logs = ['app.web.front', 'app.db.main', 'app.cache.main'].map(
      (tag) => new LogFile(`${rig.directory}/${tag}.log`, tag.replaceAll('.', '')),
    )
    for (const log of logs) await log.write(30)
    const file = `${rig.directory}/fluent-bit.yaml`
    await writeFile(file, fluentBitYaml)
    const env = { DIRECTORY: rig.directory, SIDECAR_PORT: String(rig.port) }
    await FluentBit.start(t, { file, env })

    const [web, db, cache] = logs.map((log) => log.ids)
    assert.ok(web !== undefined && db !== undefined && cache !== undefined)
    const wanted = {
      Web: web,
      db,
      WebErrors: ['alarm-0-end'],
      Rows: [...web, ...db, ...cache, 'alarm-0-end'],
    }
    const seen = () =>
      Object.entries(wanted).map(([table, ids]) => {
        const { missing, strange, duplicates } = tally(rig.kusto, table, ids)
        return { table, missing, strange, duplicates }
      })
    await waitFor('every record', () => seen().every(({ missing }) => missing.length === 0)).catch(
      () => undefined,
    )
    for (const { table, ...counts } of seen()) {
      assert.deepEqual(counts, { missing: [], strange: [], duplicates: 0 }, table)
    }
    assert.equal(rig.kusto.rowCount('Logs', 'App'), 0, 'a tag that is not allowed goes nowhere else')

    const row = rowOf(rig, String(db[0]))
    assert.deepEqual(Object.keys(row), ['timestamp', 'tag', 'log'])
    assert.match(String(row['timestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
    assert.equal(row['tag'], 'app.db.main')
    const log = row['log'] as Record<string, unknown>
    assert.deepEqual(Object.keys(log).sort(), ['big', 'nested', 'padding', 'text', 'uid'])
    assert.deepEqual([log['text'], log['nested']], [tricky.text, tricky.nested])
    assert.equal(log['big'], BigInt(tricky.big))
  })
})

/** The row with this id, as an object whose keys are in their order. */
function rowOf(rig: Rig, id: string): Record<string, unknown> {
  const rows = rig.kusto.query('Logs', `Rows | where record.log.uid == '${id}' | project record`)
  assert.equal(rows.length, 1)
  return rows[0]?.['record'] as Record<string, unknown>
}
