/** Real Fluent Bit, and a sidecar that is away, full, or gets what is no JSON or the same twice. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { encode } from '@msgpack/msgpack'
import type { TestContext } from 'node:test'
import { FluentBit } from '../helpers/fluent-bit.ts'
import { freePort } from '../helpers/free-port.ts'
import { waitFor } from '../helpers/wait.ts'
import { LogFile, tally } from './records.ts'
import { Rig } from './setup.ts'

const service = `
service:
  flush: 0.3
  log_level: info
  scheduler.base: 1
  scheduler.cap: 3
  storage.path: \${DIRECTORY}/storage
`
const output = `
  outputs:
    - name: http
      match: '*'
      host: 127.0.0.1
      port: \${SIDECAR_PORT}
      uri: /ingest/Logs/App
      format: json_lines
      json_date_format: iso8601
      retry_limit: no_limits
      log_response_payload: off
`
const tailYaml = `${service}
pipeline:
  inputs:
    - name: tail
      path: \${DIRECTORY}/*.log
      tag: app
      read_from_head: on
      buffer_max_size: 1M
      refresh_interval: 1
      storage.type: filesystem
${output}`

async function startFluentBit(t: TestContext, rig: Rig, yaml: string, env: Record<string, string> = {}) {
  const file = `${rig.directory}/fluent-bit.yaml`
  await writeFile(file, yaml)
  const all = { DIRECTORY: rig.directory, SIDECAR_PORT: String(rig.port), ...env }
  return FluentBit.start(t, { file, env: all })
}

describe('a sidecar that is away', () => {
  it('for 20 s at the start costs nothing', { timeout: 90_000 }, async (t) => {
    const rig = await Rig.create(t, ['App'])
    const log = new LogFile(`${rig.directory}/app.log`, 'away')
    await log.write(50)
    await startFluentBit(t, rig, tailYaml)
    for (let second = 0; second < 20; second += 1) {
      await log.write(10)
      await pause(1_000)
    }
    await rig.startSidecar()
    await waitFor('every record', () => tally(rig.kusto, 'App', log.ids).missing.length === 0, 40_000)
    const { rows, duplicates, strange } = tally(rig.kusto, 'App', log.ids)
    t.diagnostic(`${log.ids.length} written, ${rows} rows, ${duplicates} duplicates`)
    assert.deepEqual([duplicates, strange], [0, []], 'nothing died, so nothing comes twice')
  })
})

describe('a Kusto that is away until the journal is full', () => {
  it('makes the sidecar answer 503, and costs nothing', { timeout: 120_000 }, async (t) => {
    // More than a chunk, of which Fluent Bit makes at most 2 MB: what never fits as a whole would come again for ever.
    const yaml =
      'server: { listen: "127.0.0.1:PORT", max_body_mb: 2 }\njournal: { directory: "DIRECTORY/journal", max_disk_mb: 4 }'
    const rig = await Rig.create(t, ['App'], yaml)
    rig.kusto.faults.storage.blob = 'error'
    rig.kusto.faults.dataManagement = 'throttle'
    await rig.startSidecar()
    await startFluentBit(t, rig, tailYaml)
    const ids: string[] = []
    const file = `${rig.directory}/app.log`
    const refusals = () =>
      rig.sidecarLog.filter(({ event, status }) => event === 'http.refused' && status === 503)
    while (refusals().length < 10 && ids.length < 2_000) {
      const lines: string[] = []
      for (let n = 0; n < 10; n += 1) {
        const id = `full-${ids.length}-end`
        ids.push(id)
        lines.push(`${id} ${randomBytes(20_000).toString('base64')}\n`)
      }
      await appendFile(file, lines.join(''))
      await pause(100)
    }
    assert.ok(refusals().length >= 10, 'the journal was never full')
    assert.ok(refusals().every(({ code }) => code === 'JOURNAL_FULL'))

    rig.kusto.faults.storage.blob = 'none'
    rig.kusto.faults.dataManagement = 'none'

    await waitFor('every record', () => tally(rig.kusto, 'App', ids).missing.length === 0, 70_000).catch(() =>
      assert.deepEqual(tally(rig.kusto, 'App', ids).missing, []),
    )
    const { rows, duplicates } = tally(rig.kusto, 'App', ids)
    t.diagnostic(
      `${ids.length} written, ${refusals().length} requests refused, ${rows} rows, ${duplicates} duplicates`,
    )
  })
})

describe('what is no JSON', () => {
  it(
    'nan, inf and binary values cost their record or nothing, never a neighbour',
    { timeout: 60_000 },
    async (t) => {
      const rig = await Rig.create(t, ['App'])
      await rig.startSidecar()
      const port = await freePort()
      const input = `
pipeline:
  inputs:
    - name: forward
      listen: 127.0.0.1
      port: \${FORWARD_PORT}
      storage.type: filesystem
`
      const fluentBit = await startFluentBit(t, rig, service + input + output, { FORWARD_PORT: String(port) })
      const oddValues: Record<string, unknown> = {
        nan: NaN,
        inf: Infinity,
        'minus-inf': -Infinity,
        binary: new Uint8Array([0, 255, 0x41, 0x22]),
        nested: { list: [1, NaN] },
      }
      // Message mode of the forward protocol: [tag, time, record].
      const messages: Uint8Array[] = []
      const neighbours: string[] = []
      for (const [name, value] of Object.entries(oddValues)) {
        for (let n = 0; n < 3; n += 1) neighbours.push(`neighbour-${neighbours.length}-end`)
        const [first, second, third] = neighbours.slice(-3)
        for (const uid of [first, second])
          messages.push(encode(['odd.app', 1_800_000_000, { uid, value: 1.5 }]))
        messages.push(encode(['odd.app', 1_800_000_000, { uid: `odd-${name}`, value }]))
        messages.push(encode(['odd.app', 1_800_000_000, { uid: third, value: 2 }]))
      }
      const socket = connect(port, '127.0.0.1')
      socket.end(Buffer.concat(messages))
      await waitFor('every neighbour', () => tally(rig.kusto, 'App', neighbours).missing.length === 0, 30_000)
      const texts = rig.kusto
        .query('Logs', 'App | project text = tostring(record)')
        .map(({ text }) => String(text))
      for (const name of Object.keys(oddValues)) {
        const [arrived] = texts.filter((text) => text.includes(`odd-${name}`))
        t.diagnostic(`${name}: ${arrived ?? 'dead letter'}`)
      }
      assert.deepEqual(
        fluentBit.lines.filter((line) => line.includes('will not be retried')),
        [],
        'nothing was refused',
      )
    },
  )
})

describe('equal chunks', () => {
  it(
    'of several inputs are stored each, though they come in the same moment',
    { timeout: 60_000 },
    async (t) => {
      const rig = await Rig.create(t, ['App'])
      await rig.startSidecar()
      const count = 5
      const input = `
    - name: dummy
      tag: same
      dummy: '{"uid":"same-0-end"}'
      samples: ${count}
      rate: 1
      fixed_timestamp: on
      start_time_sec: 1800000000
`
      await startFluentBit(t, rig, `${service}\npipeline:\n  inputs:${input.repeat(3)}${output}`)
      await waitFor('every record', () => rig.kusto.rowCount('Logs', 'App') >= 3 * count, 30_000).catch(
        () => undefined,
      )
      assert.equal(rig.kusto.rowCount('Logs', 'App'), 3 * count)
    },
  )
})
