import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { configText, post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const main = fileURLToPath(new URL('../../sidecar/main.ts', import.meta.url))

/** Runs the program as a person does. */
function kustoSidecar(...words: string[]): Promise<{ exitCode: number; output: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], (error, output, errors) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), output, errors }),
    )
  })
}

async function create(t: TestContext, more = '') {
  const kusto = await StandInKusto.start(t)
  const directory = await temporaryDirectory(t)
  const yaml = `write: { batch_interval_ms: 50 }\njournal: { directory: "${directory}/journal", sync_interval_ms: 50 }\n${more}`
  const options = { kustoUrl: kusto.url, directory, yaml }
  const config = `${directory}/sidecar.yaml`
  await writeFile(config, configText(options))
  const sidecar = await runSidecar(t, options)
  return { kusto, directory, options, sidecar, config }
}

type Listed = { groups: { code: string; destination: string; count: number }[] }

async function listed(config: string): Promise<[string, string, number][]> {
  const { output } = await kustoSidecar('dead-letter', 'list', '--config', config, '--json')
  return (JSON.parse(output) as Listed).groups.map(({ code, destination, count }) => [
    code,
    destination,
    count,
  ])
}

describe('dead letters in the hands of an operator', () => {
  it('are listed, shown, and replayed through the running sidecar to where they should have gone', async (t) => {
    const { kusto, sidecar, config } = await create(t)
    const body = '{"n":9007199254740993}\n{"n":2}\n'
    assert.equal((await post(`${sidecar.url}/nowhere`, body)).text, '{"records":0,"deadLetters":2}\n')
    const bad = await post(`${sidecar.url}/ingest/Logs/App`, '"not an object"\n{"n":3}\n', {
      'content-type': 'application/x-ndjson',
    })
    assert.equal(bad.text, '{"records":1,"deadLetters":1}\n')
    await waitFor('the good neighbour', () => kusto.records().length === 1)

    assert.deepEqual(
      (await listed(config)).map(([, destination, count]) => [destination, count]),
      [
        ['/nowhere', 2],
        ['Logs.App', 1],
      ],
    )
    const shown = await kustoSidecar('dead-letter', 'show', '--config', config, '--destination', '/nowhere')
    assert.match(shown.output, /\n {4}\{"n":9007199254740993\}\n/)
    assert.match(shown.output, /a request to \/nowhere/)

    const words = ['dead-letter', 'replay', '--admin', sidecar.adminUrl]
    const elsewhere = [...words, '--destination', '/nowhere', '--to', 'Logs/Other']
    const replayed = await kustoSidecar(...elsewhere)
    assert.deepEqual(
      [replayed.exitCode, replayed.output],
      [0, '2 letters replayed, 0 dead again, 0 skipped.\n'],
      replayed.errors,
    )
    await waitFor('the records', () => kusto.records().length === 3)
    assert.deepEqual(kusto.records().toSorted().slice(1), ['{"n":3}', '{"n":9007199254740993}'])

    const again = await kustoSidecar(...words)
    assert.deepEqual(
      [again.exitCode, again.output],
      [1, '0 letters replayed, 1 dead again, 0 skipped.\n'],
      again.errors,
    )
    assert.deepEqual(
      (await listed(config)).map(([, ...rest]) => rest),
      [['/ingest/Logs/App', 1]],
    )
    const metrics = await (await fetch(`${sidecar.adminUrl}/metrics`)).text()
    assert.doesNotMatch(metrics, /sidecar_dead_letter_bytes 0\n/)
  })

  it('are replayed whole when they are compressed bodies, and from batches with their destination', async (t) => {
    const more =
      'routes:\n  - { match: { path: mapped }, database: Logs, table: Mapped, ingestion_mapping_ref: m }\n'
    const { kusto, sidecar, config } = await create(t, more)
    kusto.rudeness = (operation) => (operation === 'upload' ? 413 : undefined)
    await post(`${sidecar.url}/ingest/mapped`, '{"in":"a batch"}\n')
    await waitFor('the dead letter', async () => (await listed(config)).length)
    kusto.rudeness = () => undefined
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json' }
    assert.equal((await post(`${sidecar.url}/ingest/Logs/App`, gzipSync('no records'), headers)).status, 400)
    const before = await listed(config)
    assert.deepEqual(before.map(([code]) => code).toSorted(), ['DECODE_UNREADABLE', 'KUSTO_BLOB_REFUSED'])

    const { output, exitCode } = await kustoSidecar(
      'dead-letter',
      'replay',
      '--admin',
      sidecar.adminUrl,
      '--json',
    )
    assert.deepEqual(JSON.parse(output), { replayed: 1, deadAgain: 1, skipped: 0, damagedLines: 0 })
    assert.equal(exitCode, 1)
    await waitFor('the record', () => kusto.records().length)
    assert.deepEqual(kusto.records(), ['{"in":"a batch"}'])
    assert.deepEqual(await listed(config), [['DECODE_UNREADABLE', '/ingest/Logs/App', 1]])
    const shown = await kustoSidecar('dead-letter', 'show', '--config', config)
    assert.match(shown.output, /encoding gzip/)
  })

  it('wait for their sidecar with a clear message, and mistakes are told with exit code 78', async (t) => {
    const { sidecar, config } = await create(t)
    const { adminUrl } = sidecar
    await sidecar.drain()
    const refused = await kustoSidecar('dead-letter', 'replay', '--admin', adminUrl)
    assert.equal(refused.exitCode, 1)
    assert.match(refused.errors, /^kusto-sidecar: No running sidecar answers at http/)
    assert.equal((await kustoSidecar('dead-letter', 'list', '--config', config)).exitCode, 0)
    const mistaken = await kustoSidecar('dead-letter', 'list', '--confg', config)
    assert.equal(mistaken.exitCode, 78)
    assert.match(mistaken.errors, /did you mean "--config"/)
    const help = await kustoSidecar('dead-letter', 'replay', '--help')
    assert.deepEqual([help.exitCode, /--to DATABASE\/TABLE/.test(help.output)], [0, true])
  })
})
