import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { makeCheckpointTable } from '../../../sidecar/checkpoint/make-table.ts'
import { checkpointColumns } from '../../../sidecar/core/checkpoint-columns.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { TableCreation } from '../../../sidecar/core/ports.ts'
import { createTable, createTableCommand } from '../../../sidecar/kusto/create-table.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { startKusto } from '../../helpers/local-kusto.ts'

/** Asks a gateway that answers so, one answer after the other; a code is a rejection. */
async function making(answers: (TableCreation | 'away')[]) {
  const clock = new ManualClock()
  const logged: { level: string; event: string; msg: string }[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => void logged.push(JSON.parse(line)) },
  )
  let asked = 0
  const gateway = {
    createTable: async (database: string, table: string, columns: unknown) => {
      assert.deepEqual([database, table, columns], ['Logs', 'Checks', checkpointColumns])
      const answer = answers[asked] ?? 'away'
      asked += 1
      if (answer === 'away') throw new SidecarError('KUSTO_UNAVAILABLE', 'away')
      return answer
    },
  }
  const stop = makeCheckpointTable({ database: 'Logs', table: 'Checks', gateway, clock, log })
  return { clock, logged, stop, asked: () => asked }
}

describe('making the checkpoint table', () => {
  it('is done once', async () => {
    const { clock, logged, asked } = await making([{ command: 'x', refusal: undefined }])
    await clock.advanceAndSettle(600_000)
    assert.equal(asked(), 1)
    assert.deepEqual(
      logged.map(({ event }) => event),
      ['checkpoint.table_ready'],
    )
  })

  it('warns once with the command when Kusto refuses', async () => {
    const refusal = new SidecarError('KUSTO_UNAUTHORIZED', 'Not you.')
    const { clock, logged, asked } = await making([{ command: '.create-merge table X (a: long)', refusal }])
    await clock.advanceAndSettle(600_000)
    assert.equal(asked(), 1)
    const [warning, ...others] = logged
    assert.deepEqual(others, [])
    assert.equal(warning?.level, 'warn')
    assert.match(warning?.msg ?? '', /^Not you\. .* has to run: \.create-merge table X \(a: long\)$/)
  })

  it('waits for a Kusto that does not answer, quietly, until the end', async () => {
    const { clock, logged, stop, asked } = await making([])
    await clock.advanceAndSettle(60_000)
    assert.equal(asked(), 5)
    assert.ok(logged.every(({ level }) => level === 'debug'))
    stop()
    await clock.advanceAndSettle(600_000)
    assert.equal(asked(), 5)
  })
})

describe('the command that makes it', () => {
  it('names table and columns in quotes', () => {
    assert.equal(
      createTableCommand("a'b", [
        ['table', 'string'],
        ['n', 'long'],
      ]),
      String.raw`.create-merge table ['a\'b'] (['table']: string, ['n']: long)`,
    )
  })

  it('is understood by a Kusto, also when the table is there', async (t: TestContext) => {
    const kusto = await startKusto(t, { databases: { Logs: {} } })
    const command = createTableCommand('My checks.1', checkpointColumns)
    for (let n = 0; n < 2; n += 1) {
      const body = JSON.stringify({ db: 'Logs', csl: command })
      const answer = await fetch(`${kusto.clusterUrl}/v1/rest/mgmt`, { method: 'POST', body })
      assert.equal(answer.status, 200, await answer.text())
    }
    assert.deepEqual(kusto.query('Logs', "['My checks.1'] | count"), [{ Count: 0 }])
  })

  it('comes back with the refusal of the engine', async () => {
    const error = new SidecarError('KUSTO_UNAUTHORIZED', 'no')
    const command = async () => ({ kind: 'refused', error, isAboutEntity: false }) as const
    const wanted = { database: 'd', table: 't', columns: [['n', 'long']] as const }
    assert.deepEqual(await createTable({ command }, wanted), {
      command: ".create-merge table ['t'] (['n']: long)",
      refusal: error,
    })
  })
})
