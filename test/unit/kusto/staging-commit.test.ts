import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { StagingCommits } from '../../../sidecar/kusto/staging-commit.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { aSealedBatch, settledWhenIngestedOnce } from '../../helpers/sealed-batch.ts'
import { anEngine, type Answer } from './an-engine.ts'

const id = 'w0:1.abcd:7'
const tag = `ingest-by:${id}`
const [one, two, three] = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [
  string,
  string,
  string,
]
const table = "It's"
const [show, showStaged] = ["['It\\'s']", "['It\\'s_staging']"].map(
  (name) => `.show table ${name} extents where tags has '${tag}'`,
)

type Extent = { id: string; rows: unknown; tags?: unknown }

/** A commit of a batch of two records; `tables` is what the extents of both are. */
async function aCommit(
  t: TestContext,
  tables: { staged?: Extent[]; target?: Extent[] },
  other: (command: string) => Answer = () => [],
) {
  const rows = (extents: Extent[] = []): Answer =>
    extents.map(({ id: ExtentId, rows: RowCount, tags = `x\r\n${tag}` }) => ({
      ExtentId,
      RowCount,
      Tags: tags,
    }))
  const { commands, engine } = await anEngine(t, (command) => {
    if (command === showStaged) return rows(tables.staged)
    return command === show ? rows(tables.target) : other(command)
  })
  const lines: string[] = []
  const log = await createLog({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) })
  const settlement = { ...settledWhenIngestedOnce, stagingTableSuffix: '_staging' }
  const batch = aSealedBatch({
    id,
    records: ['{}', '{}'],
    destination: { table, additionalTags: ['ingest-by:ours'] },
    settlement,
  })
  const commits = new StagingCommits({ engine, log })
  return { commands, lines, commit: () => commits.commit(batch), isIngested: () => commits.isIngested(batch) }
}

const moved = (ids: string[]): Answer =>
  ids.map((from) => ({ OriginalExtentId: from, ResultExtentId: three, Details: null }))

describe('StagingCommits', () => {
  it('moves exactly the extents that it counted, by their ids', async (t) => {
    const staged = [
      { id: one, rows: 1, tags: `${tag} ingest-by:ours` },
      { id: three, rows: 9, tags: `${tag}1` },
      { id: two, rows: 1, tags: JSON.stringify([tag]) },
    ]
    const { commands, commit } = await aCommit(t, { staged }, () => moved([one, two]))
    assert.deepEqual(await commit(), { kind: 'committed' })
    assert.deepEqual(commands, [
      showStaged,
      show,
      `.move extents from table ['It\\'s_staging'] to table ['It\\'s'] with (setNewIngestionTime=true) (${one}, ${two})`,
    ])
  })

  it('moves nothing when the table has the batch, and drops what a late message left', async (t) => {
    const tables = { staged: [{ id: one, rows: 2 }], target: [{ id: two, rows: 900 }] }
    const { commands, commit } = await aCommit(t, tables)
    assert.deepEqual(await commit(), { kind: 'committed' })
    assert.deepEqual(commands.slice(2), [`.drop extents (${one}) from ['It\\'s_staging']`])
  })

  it('is done, and says so, when what was left cannot be dropped', async (t) => {
    const tables = { staged: [{ id: one, rows: 2 }], target: [{ id: two, rows: 2 }] }
    const { commit, lines } = await aCommit(t, tables, () => 500)
    assert.deepEqual(await commit(), { kind: 'committed' })
    assert.equal(lines.filter((line) => line.includes('kusto.staging_left')).length, 1)
  })

  for (const rows of [[1], [2, 2], [2, 1]]) {
    it(`drops ${rows.join(' and ')} rows of a batch of two records`, async (t) => {
      const staged = rows.map((count, index) => ({ id: [one, two][index] ?? '', rows: count }))
      const { commands, commit } = await aCommit(t, { staged })
      const rowCount = rows.reduce((sum, count) => sum + count)
      assert.deepEqual(await commit(), { kind: 'discarded', rowCount })
      assert.deepEqual(commands.slice(2), [
        `.drop extents (${staged.map((extent) => extent.id).join(', ')}) from ['It\\'s_staging']`,
      ])
    })
  }

  it('says that a batch is nowhere only after it asked the staging table and then the table', async (t) => {
    const { commands, commit, isIngested } = await aCommit(t, {})
    assert.deepEqual(await commit(), { kind: 'absent' })
    assert.equal(await isIngested(), false)
    assert.deepEqual(commands, [showStaged, show, showStaged, show])
  })

  it('finds a batch in either table', async (t) => {
    for (const tables of [{ staged: [{ id: one, rows: 1 }] }, { target: [{ id: one, rows: 1 }] }])
      assert.equal(await (await aCommit(t, tables)).isIngested(), true)
  })

  it('touches no extent that has rows of other batches', async (t) => {
    const staged = [{ id: one, rows: 4, tags: `${tag}\r\ningest-by:w0:1.abcd:8` }]
    const { commands, commit } = await aCommit(t, { staged })
    await assert.rejects(commit(), {
      code: 'KUSTO_STAGING_REFUSED',
      message: /merged with those of other batches/,
    })
    assert.equal(commands.length, 2)
  })

  const unclear: Record<string, Answer> = {
    nothing: [],
    'only one of two': moved([one]),
    'that it failed': [one, two].map((from) => ({
      OriginalExtentId: from,
      ResultExtentId: 'Failed',
      Details: 'why?sig=secret',
    })),
  }
  for (const [name, answer] of Object.entries(unclear)) {
    it(`is not done when the answer to the move is ${name}`, async (t) => {
      const staged = [one, two].map((extent) => ({ id: extent, rows: 1 }))
      const { commit } = await aCommit(t, { staged }, () => answer)
      await assert.rejects(commit(), (error: Error & { code: string }) => {
        assert.equal(error.code, 'KUSTO_UNCLASSIFIED')
        assert.ok(!error.message.includes('secret'))
        return true
      })
    })
  }

  it('says which role is missing when a command is refused', async (t) => {
    const { commit } = await aCommit(t, { staged: [{ id: one, rows: 2 }] }, () => ({ refusal: 'Forbidden' }))
    await assert.rejects(commit(), {
      code: 'KUSTO_STAGING_REFUSED',
      message: /Table Admin on Logs\.It's and on its staging/,
    })
  })

  for (const [what, extent] of Object.entries({
    id: { id: "x') from ['T", rows: 1 },
    'number of rows': { id: one, rows: '1' },
  })) {
    it(`puts no ${what} into a command that cannot be one`, async (t) => {
      const { commands, commit } = await aCommit(t, { staged: [extent] })
      await assert.rejects(commit(), { code: 'KUSTO_UNCLASSIFIED' })
      assert.deepEqual(commands, [showStaged])
    })
  }
})
