import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { StagingTables } from '../../../sidecar/kusto/staging-table.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { aSealedBatch, settledWhenIngestedOnce } from '../../helpers/sealed-batch.ts'
import { anEngine, type Answer } from './an-engine.ts'

const columns = [
  { Name: 'time', CslType: 'datetime' },
  { Name: "a'b", CslType: 'dynamic' },
]
const schema = (list: object[]): Answer => [
  { TableName: 'T', Schema: JSON.stringify({ OrderedColumns: list }) },
]
const mapping = '[{"column":"a\'b","path":"$.x"}]'
const unknown = { refusal: 'BadRequest_EntityNotFound' }
const isShow = (command: string) => command.startsWith('.show')

const made: Record<string, Answer> = {
  ".show table ['T'] schema as json": schema(columns),
  ".show table ['T.s'] schema as json": schema(columns),
  ".show table ['T.s'] policy merge": [
    { Policy: '{"AllowMerge":false,"AllowRebuild":false,"MaxRangeInHours":8}' },
  ],
  ".show table ['T.s'] policy retention": [{ Policy: '{"SoftDeletePeriod":"7.00:00:00"}' }],
  ".show table ['T'] ingestion json mappings": [{ Name: 'm', Mapping: mapping }],
  ".show table ['T.s'] ingestion json mappings": [{ Name: 'm', Mapping: mapping }],
}

async function tables(t: TestContext, answers: Record<string, Answer>, other: Answer = []) {
  const { commands, engine } = await anEngine(t, (command) => ({ ...made, ...answers })[command] ?? other)
  const clock = new ManualClock()
  const lines: string[] = []
  const log = await createLog({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) })
  const staging = new StagingTables({ engine, clock, log })
  const batch = (ingestionMappingRef?: string) =>
    aSealedBatch({
      destination: { table: 'T', ...(ingestionMappingRef === undefined ? {} : { ingestionMappingRef }) },
      settlement: { ...settledWhenIngestedOnce, stagingTableSuffix: '.s' },
    })
  const changes = () => commands.filter((command) => !isShow(command))
  return { commands, changes, clock, lines, staging, batch }
}

describe('StagingTables', () => {
  it('makes the table with the columns of its target, without merging, and with the mapping', async (t) => {
    const { staging, batch, changes, lines } = await tables(t, {
      ".show table ['T.s'] schema as json": unknown,
    })
    await staging.prepare(batch('m'))
    assert.deepEqual(changes(), [
      ".create-merge table ['T.s'] (['time']:datetime, ['a\\'b']:dynamic)",
      `.alter table ['T.s'] policy merge '{"AllowRebuild":false,"AllowMerge":false}'`,
      ".alter-merge table ['T.s'] policy retention softdelete = 7d recoverability = disabled",
      String.raw`.create-or-alter table ['T.s'] ingestion json mapping 'm' '[{\"column\":\"a\'b\",\"path\":\"$.x\"}]'`,
    ])
    assert.ok(lines.some((line) => line.includes('kusto.staging_prepared')))
  })

  it('changes nothing in a table that is as it has to be', async (t) => {
    const { staging, batch, changes } = await tables(t, {}, { refusal: 'Forbidden' })
    await staging.prepare(batch('m'))
    assert.deepEqual(changes(), [])
  })

  const lacks: Record<string, [Record<string, Answer>, RegExp]> = {
    'a column': [{ ".show table ['T.s'] schema as json": schema(columns.slice(1)) }, /^\.create-merge table/],
    'a policy of its own': [{ ".show table ['T.s'] policy merge": [{ Policy: 'null' }] }, /policy merge/],
    'one half of the policy': [
      { ".show table ['T.s'] policy merge": [{ Policy: '{"AllowMerge":false,"AllowRebuild":true}' }] },
      /policy merge/,
    ],
    'an end of what is left': [
      { ".show table ['T.s'] policy retention": [{ Policy: null }] },
      /policy retention/,
    ],
    'the mapping as it is now': [
      { ".show table ['T.s'] ingestion json mappings": [{ Name: 'm', Mapping: '[]' }] },
      /ingestion json mapping 'm'/,
    ],
  }
  for (const [what, [answers, command]] of Object.entries(lacks)) {
    it(`adds ${what}, and nothing else`, async (t) => {
      const { staging, batch, changes } = await tables(t, answers)
      await staging.prepare(batch('m'))
      assert.equal(changes().length, 1)
      assert.match(changes()[0] ?? '', command)
    })
  }

  it('leaves a mapping that the target lacks to the ingestion', async (t) => {
    const { staging, batch, changes } = await tables(t, {})
    await staging.prepare(batch('other'))
    assert.deepEqual(changes(), [])
  })

  it('names the commands for an administrator when it may not make the table, and does not ask again soon', async (t) => {
    const answers = { ".show table ['T.s'] schema as json": unknown }
    const { staging, batch, commands, clock } = await tables(t, answers, { refusal: 'Forbidden' })
    const refused = {
      code: 'KUSTO_STAGING_REFUSED',
      message:
        /\.create-merge table \['T\.s'\] .* ; \.alter table \['T\.s'\] policy merge .* ; \.add table \['T'\] admins .* ; \.add table \['T\.s'\] admins/,
    }
    await assert.rejects(staging.prepare(batch()), refused)
    const asked = commands.length
    await assert.rejects(staging.prepare(batch()), refused)
    assert.equal(commands.length, asked)
    clock.advance(60_000)
    await assert.rejects(staging.prepare(batch()), refused)
    assert.ok(commands.length > asked)
  })

  it('refuses batches of a table that does not exist', async (t) => {
    const { staging, batch } = await tables(t, { ".show table ['T'] schema as json": unknown })
    await assert.rejects(staging.prepare(batch()), {
      code: 'KUSTO_STAGING_REFUSED',
      message: /does not exist/,
    })
  })

  it('asks once for many batches, and again after ten minutes or when it is told to', async (t) => {
    const { staging, batch, commands, clock } = await tables(t, {})
    await Promise.all([staging.prepare(batch()), staging.prepare(batch()), staging.prepare(batch())])
    assert.equal(commands.length, 4)
    await staging.prepare(batch())
    assert.equal(commands.length, 4)
    clock.advance(600_000)
    await staging.prepare(batch())
    assert.equal(commands.length, 8)
    staging.forget(batch())
    await staging.prepare(batch())
    assert.equal(commands.length, 12)
  })

  it('tries again at once after an answer that may be another in a moment', async (t) => {
    const answers: Record<string, Answer> = { ".show table ['T'] schema as json": 503 }
    const { staging, batch } = await tables(t, answers)
    await assert.rejects(staging.prepare(batch()), { code: 'KUSTO_UNAVAILABLE' })
    answers[".show table ['T'] schema as json"] = schema(columns)
    await staging.prepare(batch())
  })
})
