/**
 * Goal: a batch that goes through a staging table is in its table once, whatever happens on the way, where in place it would not be.
 * Method: the gateway against the local Kusto, behind a proxy that cuts any one command to the engine, before or after its effect.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { CommitOutcome, SealedBatch, Sending } from '../../sidecar/core/ports.ts'
import type { Settlement } from '../../sidecar/core/settlement.ts'
import { QueuedIngestion } from '../../sidecar/kusto/gateway.ts'
import { noFaults } from '../../sidecar/local-kusto/faults.ts'
import { startLocalKusto, type LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { systemClock as clock } from '../../sidecar/platform/clock.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { startCuttingProxy, type CuttingProxy } from '../helpers/cutting-proxy.ts'
import { aSealedBatch, aSending, settledWhenIngestedOnce } from '../helpers/sealed-batch.ts'
import { waitFor } from '../helpers/wait.ts'

const staged = { ...settledWhenIngestedOnce, stagingTableSuffix: '_staging' }

describe('the gateway and a staging table', () => {
  let kusto: LocalKusto
  let proxy: CuttingProxy
  let rowsBefore = 0

  before(async () => {
    const mapped = { columns: 'n:long', mappings: { m: '[{"column":"n","path":"$.number"}]' } }
    kusto = await startLocalKusto({
      batchingTimeMs: 0,
      databases: { Logs: { App: 'n:long', Mapped: mapped } },
    })
    proxy = await startCuttingProxy(kusto.clusterUrl)
  })
  beforeEach(() => {
    Object.assign(kusto.faults, noFaults())
    rowsBefore = kusto.rowCount('Logs', 'App')
  })
  after(async () => {
    await proxy.close()
    await kusto.close()
  })

  const newRows = () => kusto.rowCount('Logs', 'App') - rowsBefore
  const leftRows = () => kusto.rowCount('Logs', 'App_staging')
  const aBatch = (settlement: Settlement = staged) =>
    aSealedBatch({ records: ['{"n":1}', '{"n":2}'], settlement })

  /** What a process has of Kusto; another one each time, since it may have died. */
  async function withGateway<Result>(work: (gateway: QueuedIngestion) => Promise<Result>): Promise<Result> {
    const gateway = new QueuedIngestion({
      clusterUrl: proxy.url,
      ingestionUrl: kusto.clusterUrl,
      auth: { type: 'none' },
      trustHost: true,
      cacheExpirationMs: 7_200_000,
      clock,
      random,
      log: silentLog(),
      metrics: createMetrics(),
    })
    try {
      return await work(gateway)
    } finally {
      await gateway.close()
    }
  }

  /** The sending, once Kusto said how it ended. */
  function send(batch: SealedBatch, number = 0): Promise<Sending> {
    return withGateway(async (gateway) => {
      const sending = aSending(await gateway.upload(batch, number), number)
      await gateway.enqueue(batch, sending)
      await waitFor('an outcome', async () => (await gateway.statusOf(batch, sending)).kind !== 'pending')
      return sending
    })
  }

  const commit = (batch: SealedBatch): Promise<CommitOutcome> =>
    withGateway((gateway) => gateway.commit(batch))

  it('brings the rows into the table when they are moved, and not before', async () => {
    const batch = aBatch()
    await send(batch)
    assert.deepEqual([newRows(), leftRows()], [0, 2])
    assert.equal(await withGateway((gateway) => gateway.isIngested(batch)), true)
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.deepEqual([newRows(), leftRows()], [2, 0])
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.deepEqual([newRows(), leftRows()], [2, 0])
  })

  it('brings them once where two messages raced, which bring them twice in place', async () => {
    kusto.faults.raceTags = true
    const inPlace = aBatch(settledWhenIngestedOnce)
    await Promise.all([send(inPlace, 0), send(inPlace, 1)])
    assert.equal(newRows(), 4)

    rowsBefore = kusto.rowCount('Logs', 'App')
    const batch = aBatch()
    await Promise.all([send(batch, 0), send(batch, 1)])
    assert.deepEqual(await commit(batch), { kind: 'discarded', rowCount: 4 })
    assert.deepEqual([newRows(), leftRows()], [0, 0])
    await send(batch, 2)
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.deepEqual([newRows(), leftRows()], [2, 0])
  })

  it('leaves out what a late message brings after the commit', async () => {
    const batch = aBatch()
    await send(batch)
    await commit(batch)
    await send(batch, 1)
    assert.deepEqual([newRows(), leftRows()], [2, 2])
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.deepEqual([newRows(), leftRows()], [2, 0])
  })

  for (const status of ['PartiallySucceeded', 'Succeeded'] as const) {
    it(`drops a part that is said to have ${status}`, async () => {
      kusto.faults.nextIngestions.push({ errorCode: '', failureStatus: 'Permanent', status, rowCount: 1 })
      const batch = aBatch()
      await send(batch)
      assert.deepEqual(await commit(batch), { kind: 'discarded', rowCount: 1 })
      assert.deepEqual([newRows(), leftRows()], [0, 0])
      assert.deepEqual(await commit(batch), { kind: 'absent' })
    })
  }

  it('copies the mapping that the batch names', async () => {
    const batch = aSealedBatch({
      records: ['{"number":5}'],
      destination: { table: 'Mapped', ingestionMappingRef: 'm' },
      settlement: staged,
    })
    await send(batch)
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.deepEqual(kusto.query('Logs', 'Mapped'), [{ n: 5 }])
  })

  it('keeps batches apart by a policy without which they are merged and wait, untouched', async () => {
    const [first, second] = [aBatch(), aBatch()]
    await send(first)
    await send(second)
    kusto.mergeExtents('Logs', 'App_staging')
    assert.deepEqual(await commit(first), { kind: 'committed' })

    const third = aBatch()
    await send(third)
    kusto.query('Logs', `.alter table App_staging policy merge '{}'`)
    kusto.mergeExtents('Logs', 'App_staging')
    await assert.rejects(commit(third), { code: 'KUSTO_STAGING_REFUSED' })
    assert.deepEqual([newRows(), leftRows()], [2, 4])
    kusto.query('Logs', `.drop table App_staging`)
  })

  it('takes a staging table that Kusto does not know for a failure that passes', async () => {
    const batch = aBatch()
    const sending = await send(batch)
    kusto.query('Logs', '.drop table App_staging')
    await withGateway(async (gateway) => {
      const blob = await gateway.upload(batch, 1)
      kusto.query('Logs', '.drop table App_staging')
      const next = { ...sending, number: 1, blob }
      await gateway.enqueue(batch, next)
      const outcome = await waitFor('an outcome', async () => {
        const seen = await gateway.statusOf(batch, next)
        return seen.kind === 'pending' ? undefined : seen
      })
      assert.equal(outcome.kind === 'failed' && outcome.error.code, 'KUSTO_INGESTION_TRANSIENT')
      await gateway.upload(batch, 2)
      assert.equal(leftRows(), 0)
    })
  })

  it('is whole when the table is made and the reply to that is lost', async () => {
    kusto.query('Logs', '.drop table App_staging')
    const batch = aBatch()
    for (let command = 0; command < 8; command += 1) {
      proxy.cut(command, 'after')
      await withGateway((gateway) => gateway.upload(batch, 0)).catch(() => undefined)
    }
    proxy.cut(-1, 'after')
    await send(batch)
    assert.deepEqual(await commit(batch), { kind: 'committed' })
    assert.equal(newRows(), 2)
  })

  const situations = ['whole', 'raced', 'in part', 'committed'] as const
  for (const when of ['before', 'after'] as const)
    for (const situation of situations)
      it(`comes once when a process dies ${when} any command of a commit that finds it ${situation}`, async () => {
        let deaths = 0
        for (let command = 0; command < 4; command += 1) {
          rowsBefore = kusto.rowCount('Logs', 'App')
          kusto.faults.raceTags = situation === 'raced'
          const batch = aBatch()
          if (situation === 'in part')
            kusto.faults.nextIngestions.push({
              errorCode: '',
              failureStatus: 'Permanent',
              status: 'PartiallySucceeded',
              rowCount: 1,
            })
          await send(batch)
          if (situation === 'committed') await commit(batch)
          if (situation !== 'whole' && situation !== 'in part') await send(batch, 1)
          proxy.cut(command, when)
          await commit(batch).catch(() => (deaths += 1))
          proxy.cut(-1, when)
          for (let number = 2; (await commit(batch)).kind !== 'committed'; number += 1) {
            assert.equal(newRows(), 0)
            await send(batch, number)
          }
          assert.deepEqual([newRows(), leftRows()], [2, 0], `command ${command}`)
        }
        assert.ok(deaths >= 2, `${deaths} deaths`)
      })
})
