import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startLocalKusto, type LocalKusto } from '../../../sidecar/local-kusto/local-kusto.ts'
import { aPlainClient } from './plain-client.ts'

describe('extents of the local Kusto', () => {
  let kusto: LocalKusto
  before(async () => {
    const tables = { A: 'n:long, text:string', B: 'text:string, more:long, n:long', C: 'n:string' }
    kusto = await startLocalKusto({ batchingTimeMs: 0, databases: { Db: tables } })
    const client = aPlainClient(kusto, 'Db', 'A')
    for (const n of [1, 2, 3]) await client.enqueue(await client.upload(`{"n":${n},"text":"t${n}"}\n`))
    await kusto.waitForRows('Db', 'A', 3)
  })
  after(() => kusto.close())

  const ids = (table: string) => kusto.extents('Db', table).map(({ id }) => id)
  const run = (command: string) => kusto.query('Db', command)
  const numbers = (table: string) => run(`${table} | project n, text | sort by n asc`)

  it('are moved with their rows, by name of the columns, and get new ids', () => {
    const [first = '', second = ''] = ids('A')
    const answer = run(
      `.move extents from table A to table B with (setNewIngestionTime=true) (${first}, ${second})`,
    )
    assert.deepEqual(
      answer.map((row) => [row['OriginalExtentId'], row['ResultExtentId']]),
      [first, second].map((id, index) => [id, ids('B')[index]]),
    )
    assert.deepEqual(
      numbers('B'),
      [
        { n: 1n, text: 't1' },
        { n: 2n, text: 't2' },
      ].map((row) => ({ ...row, n: Number(row.n) })),
    )
    assert.deepEqual(numbers('A'), [{ n: 3, text: 't3' }])
    assert.ok(!ids('B').includes(first))
  })

  it('are moved all or none: not when one is gone, nor into other columns', () => {
    const [left = ''] = ids('A')
    const gone = '00000000-0000-4000-8000-000000000000'
    assert.throws(() => run(`.move extents from table A to table B (${left}, ${gone})`), {
      code: 'BadRequest_ExtentNotFound',
    })
    assert.throws(() => run(`.move extents from table A to table C (${left})`), {
      code: 'BadRequest_ColumnTypeMismatch',
    })
    assert.throws(() => run(`.drop extents (${left}, ${gone}) from A`), { code: 'BadRequest_ExtentNotFound' })
    assert.deepEqual(ids('A'), [left])
    assert.equal(kusto.rowCount('Db', 'B'), 2)
  })

  it('are merged with their tags, unless the policy forbids it', () => {
    run(`.alter table B policy merge '{"AllowMerge":false}'`)
    run(`.alter-merge table B policy merge '{"AllowRebuild":false}'`)
    kusto.mergeExtents('Db', 'B')
    assert.equal(ids('B').length, 2)
    run(`.alter table B policy merge '{}'`)
    kusto.mergeExtents('Db', 'B')
    assert.equal(ids('B').length, 1)
    assert.equal(kusto.rowCount('Db', 'B'), 2)
    assert.deepEqual(numbers('B').length, 2)
  })

  it('are dropped with their rows', () => {
    const [only = ''] = ids('B')
    assert.equal(run(`.drop extents (${only}) from B`)[0]?.['ExtentId'], only)
    assert.deepEqual([kusto.rowCount('Db', 'B'), run('B').length], [0, 0])
  })

  it('belong to tables that are made after others, once', () => {
    run('.create table D based-on A ifnotexists')
    run('.create table D based-on A ifnotexists')
    assert.deepEqual(run('.show table D cslschema')[0]?.['Schema'], 'n:long,text:string')
    assert.throws(() => run('.create table D based-on A'), { code: 'BadRequest_EntityNameAlreadyExists' })
  })

  it('go after the time of the retention, which is shown', () => {
    run('.alter-merge table A policy retention softdelete = 7d recoverability = disabled')
    const [policy] = run('.show table A policy retention')
    assert.deepEqual(JSON.parse(String(policy?.['Policy'])), {
      SoftDeletePeriod: '7.00:00:00',
      Recoverability: 'Disabled',
    })
  })

  it('are changed, and the answer is lost', async () => {
    kusto.faults.lostCommands = 1
    const body = JSON.stringify({ db: 'Db', csl: `.drop extents (${ids('A').join(', ')}) from A` })
    await assert.rejects(fetch(`${kusto.clusterUrl}/v1/rest/mgmt`, { method: 'POST', body }))
    assert.equal(kusto.rowCount('Db', 'A'), 0)
  })
})
