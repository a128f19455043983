import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { post, runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const bodiesCount = 60
const recordsPerBody = 400

/** Large enough to come in parts, and so to be put together in memory that is used again. */
function bodyOf(number: number, isArray: boolean): string {
  const lines = Array.from({ length: recordsPerBody }, (_, n) =>
    JSON.stringify({ id: `${number}-${n}`, text: 'x'.repeat(250 + (number % 7) * 50) }),
  )
  // A damaged one, which becomes a dead letter; bodies without one are not copied.
  if (number % 5 === 0) lines.splice(10, 0, `{"id":"${number}-bad","text":nan}`)
  return isArray ? `[${lines.join(',')}]` : `${lines.join('\n')}\n`
}

// The memory of `runSidecar` is spoilt when it is given back.
describe('memory of bodies', () => {
  for (const [name, yaml] of Object.entries({
    'guarantee none': 'write: { batch_interval_ms: 100, delivery_guarantee: none }',
    'guarantee at_least_once': 'write: { batch_interval_ms: 100 }',
    'guarantee exactly_once':
      'write: { batch_interval_ms: 100, delivery_guarantee: exactly_once, poll_for_ingestion_status: true, poll_interval_ms: 100 }',
    'no journal': 'write: { batch_interval_ms: 100 }\njournal: { enabled: false }',
    'added fields': 'write: { batch_interval_ms: 100 }\nrecords: { shape: envelope }',
  }))
    it(`is not read after it was given back (${name})`, async (t) => {
      const kusto = await StandInKusto.start(t)
      const directory = await temporaryDirectory(t)
      const sidecar = await runSidecar(t, { kustoUrl: kusto.url, directory, yaml })
      await Promise.all(
        Array.from({ length: bodiesCount }, async (_, number) => {
          const answer = await post(`${sidecar.url}/ingest/Logs/App`, bodyOf(number, number % 3 === 0))
          assert.equal(answer.status, 200)
        }),
      )
      const ids = () => kusto.records().flatMap((line) => line.match(/"id":"(\d+-\d+)"/)?.[1] ?? [])
      await waitFor('all records in Kusto', () => ids().length >= bodiesCount * recordsPerBody)
      assert.equal(new Set(ids()).size, bodiesCount * recordsPerBody)
      for (const line of kusto.records()) JSON.parse(line)
    })
})
