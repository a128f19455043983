import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { FluentBit } from '../helpers/fluent-bit.ts'
import { LogFile, tally, tricky, type Tally } from './records.ts'
import { Rig } from './setup.ts'

type Output = { readonly table: string; readonly yaml: string; readonly isLossless: boolean }

const compressions = ['none', 'gzip', 'zstd', 'snappy'] as const

const httpOutputs = ['json', 'json_stream', 'json_lines', 'gelf', 'msgpack'].flatMap((format) =>
  compressions.map((compression): Output => {
    const table = `${format}_${compression}`
    const keys = [
      `name: http`,
      `format: ${format}`,
      `uri: /ingest/Logs/${table}`,
      `header_tag: X-Fluent-Tag`,
      `json_date_format: iso8601`,
      ...(format === 'gelf' ? ['gelf_short_message_key: text'] : []),
      ...(compression === 'none' ? [] : [`compress: ${compression}`]),
    ]
    // GELF is flat: nested values and arrays are rewritten by Fluent Bit.
    return { table, yaml: outputOf(keys), isLossless: format !== 'gelf' }
  }),
)

const otelOutputs = (['none', 'gzip', 'zstd'] as const).map((compression): Output => {
  const table = `otlp_${compression}`
  const keys = [
    'name: opentelemetry',
    `logs_uri: /ingest/Logs/${table}/v1/logs`,
    // More than a chunk has: Fluent Bit 5.1.1 forgets a failed part of a chunk when a later part succeeds (its issue 12384).
    'batch_size: 100000',
    ...(compression === 'none' ? [] : [`compress: ${compression}`]),
  ]
  return { table, yaml: outputOf(keys), isLossless: true }
})

function outputOf(keys: readonly string[]): string {
  const common = [
    "match: '*'",
    'host: 127.0.0.1',
    'port: ${SIDECAR_PORT}',
    'retry_limit: no_limits',
    'log_response_payload: off',
  ]
  return `    - ${[...keys, ...common].join('\n      ')}\n`
}

const outputs = [...httpOutputs, ...otelOutputs]

const fluentBitYaml = `
service:
  flush: 0.3
  log_level: info
  scheduler.base: 1
  scheduler.cap: 3
  storage.path: \${DIRECTORY}/storage
parsers:
  - name: json_line
    format: json
pipeline:
  inputs:
    - name: tail
      path: \${DIRECTORY}/*.log
      tag: e2e.app
      parser: json_line
      db: \${DIRECTORY}/tail.db
      read_from_head: on
      buffer_max_size: 1M
      refresh_interval: 1
      storage.type: filesystem
  outputs:
${outputs.map(({ yaml }) => yaml).join('')}`

const writes = {
  at_least_once: 'write: { batch_interval_ms: 300, ingestion_mapping_ref: whole }',
  exactly_once:
    'write: { batch_interval_ms: 300, ingestion_mapping_ref: whole, delivery_guarantee: exactly_once, poll_interval_ms: 300, poll_timeout_ms: 10000 }',
} as const

for (const guarantee of ['at_least_once', 'exactly_once'] as const)
  describe(`every format and encoding of Fluent Bit, ${guarantee}`, () => {
    it('arrives complete while the sidecar dies and starts again', { timeout: 280_000 }, async (t) => {
      const rig = await Rig.create(
        t,
        outputs.map(({ table }) => table),
        writes[guarantee],
      )
      await rig.startSidecar()
      const file = `${rig.directory}/matrix.yaml`
      await writeFile(file, fluentBitYaml)
      const log = new LogFile(`${rig.directory}/app.log`, 'matrix')
      await log.write(100)
      const env = { DIRECTORY: rig.directory, SIDECAR_PORT: String(rig.port) }
      const fluentBit = await FluentBit.start(t, { file, env })
      for (let death = 0; death < 6; death += 1) {
        for (let part = 0; part < 4; part += 1) {
          await log.write(60)
          await pause(250)
        }
        if (death % 3 === 2) assert.equal(await rig.stopSidecar(), 0)
        else await rig.killSidecar()
        await log.write(60)
        await pause(300 + death * 200)
        await rig.startSidecar()
      }
      await log.write(100)

      const tallies = new Map<string, Tally>()
      const isComplete = () => {
        for (const { table } of outputs) {
          if (tallies.get(table)?.missing.length !== 0) tallies.set(table, tally(rig.kusto, table, log.ids))
        }
        return [...tallies.values()].every(({ missing }) => missing.length === 0)
      }
      const deadline = performance.now() + 90_000
      while (!isComplete() && performance.now() < deadline) await pause(500)
      // What is still being sent twice must not be taken for what is missing.
      await pause(1_000)

      for (const { table, isLossless } of outputs) {
        await t.test(table, (inner) => {
          const { rows, missing, duplicates, strange } = tally(rig.kusto, table, log.ids)
          inner.diagnostic(
            `${table}: ${log.ids.length} written, ${rows} rows, ${missing.length} missing, ${duplicates} duplicates (after 4 kills and 2 SIGTERM)`,
          )
          assert.deepEqual(
            { missing: missing.slice(0, 5), strange: strange.slice(0, 5) },
            { missing: [], strange: [] },
          )
          if (guarantee === 'exactly_once') assert.equal(duplicates, 0)
          if (isLossless) assertExact(rig, table)
        })
      }
      await t.test('Fluent Bit gave up nothing', () => {
        assert.deepEqual(
          fluentBit.lines.filter((line) => /will not be retried|cannot be retried/.test(line)),
          [],
        )
      })
      assert.deepEqual(rig.kusto.failures, [])
    })
  })

/** The values of one record, as the whole text of the row: formats put them at different places. */
function assertExact(rig: Rig, table: string): void {
  const [row] = rig.kusto.query('Logs', `['${table}'] | project text = tostring(record) | take 1`)
  const text = String(row?.['text'])
  assert.ok(text.includes(tricky.big), `${tricky.big} became something else: ${text.slice(0, 500)}`)
  const record: unknown = JSON.parse(text)
  assert.ok(holds(record, tricky.text), `the text became something else: ${text.slice(0, 500)}`)
  assert.ok(holds(record, tricky.nested), `the nested value became something else: ${text.slice(0, 500)}`)
}

/** Whether a value is somewhere in another one, or in a text of JSON in it: a map in an OTLP body is written as such a text. */
function holds(value: unknown, wanted: unknown): boolean {
  if (JSON.stringify(value) === JSON.stringify(wanted)) return true
  if (typeof value === 'string' && value.startsWith('{"')) return holds(JSON.parse(value), wanted)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some((inner) => holds(inner, wanted))
}
