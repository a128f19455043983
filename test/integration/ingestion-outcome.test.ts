import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { IngestionOutcome, SealedBatch, Sending } from '../../sidecar/core/ports.ts'
import { QueuedIngestion } from '../../sidecar/kusto/gateway.ts'
import { sourceIdOf } from '../../sidecar/kusto/names.ts'
import { noFaults } from '../../sidecar/local-kusto/faults.ts'
import { startLocalKusto, type LocalKusto } from '../../sidecar/local-kusto/local-kusto.ts'
import { silentLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import { systemClock as clock } from '../../sidecar/platform/clock.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { aSealedBatch, aSending, settledWhenIngestedOnce } from '../helpers/sealed-batch.ts'
import { waitFor } from '../helpers/wait.ts'

describe('the gateway and a Kusto that says how ingestions ended', () => {
  let kusto: LocalKusto
  let gateway: QueuedIngestion
  let rowsBefore = 0

  before(async () => {
    kusto = await startLocalKusto({ batchingTimeMs: 0, databases: { Logs: { App: 'n:long' } } })
    gateway = new QueuedIngestion({
      clusterUrl: kusto.clusterUrl,
      ingestionUrl: kusto.clusterUrl,
      auth: { type: 'none' },
      trustHost: true,
      cacheExpirationMs: 7_200_000,
      clock,
      random,
      log: silentLog(),
      metrics: createMetrics(),
    })
  })
  beforeEach(() => {
    Object.assign(kusto.faults, noFaults())
    rowsBefore = kusto.rowCount('Logs', 'App')
  })
  after(async () => {
    await gateway.close()
    await kusto.close()
  })

  const newRows = () => kusto.rowCount('Logs', 'App') - rowsBefore
  const aBatch = (table = 'App') =>
    aSealedBatch({
      records: ['{"n":1}', '{"n":2}'],
      destination: { table },
      settlement: settledWhenIngestedOnce,
    })

  async function upload(batch: SealedBatch, number = 0): Promise<Sending> {
    return aSending(await gateway.upload(batch, number), number)
  }

  /** The sending of a message that certainly arrived. */
  async function send(batch: SealedBatch, number = 0): Promise<Sending> {
    const sending = await upload(batch, number)
    assert.equal(await gateway.enqueue(batch, sending), 'sent')
    return sending
  }

  function finalStatus(batch: SealedBatch, sending: Sending): Promise<IngestionOutcome> {
    return waitFor('an outcome', async () => {
      const outcome = await gateway.statusOf(batch, sending)
      return outcome.kind === 'pending' ? undefined : outcome
    })
  }

  async function codeOfFailure(batch: SealedBatch, sending: Sending): Promise<string> {
    const outcome = await finalStatus(batch, sending)
    return outcome.kind === 'failed' ? outcome.error.code : outcome.kind
  }

  it('sees an ingestion pending, then succeeded, and its extent', async () => {
    kusto.faults.pauseIngestion = true
    const batch = aBatch()
    const sending = await send(batch)
    assert.deepEqual(await gateway.statusOf(batch, sending), { kind: 'pending' })
    assert.equal(await gateway.isIngested(batch), false)
    kusto.faults.pauseIngestion = false

    assert.deepEqual(await finalStatus(batch, sending), { kind: 'ingested', isRepeat: false })
    assert.equal(await gateway.isIngested(batch), true)
    assert.equal(newRows(), 2)
  })

  for (const skippedStatus of ['Skipped', 'Failed'] as const) {
    it(`sees that a second message brought nothing more, reported as ${skippedStatus}`, async () => {
      kusto.faults.skippedStatus = skippedStatus
      const batch = aBatch()
      await finalStatus(batch, await send(batch))

      const second = await send(batch, 1)

      assert.deepEqual(await finalStatus(batch, second), { kind: 'ingested', isRepeat: true })
      assert.equal(newRows(), 2)
    })
  }

  it('tells apart a batch whose id begins like that of another', async () => {
    const [first, twelfth] = ['w9:1.abcd:1', 'w9:1.abcd:12'].map((id) =>
      aSealedBatch({ id, settlement: settledWhenIngestedOnce }),
    )
    assert(first !== undefined && twelfth !== undefined)
    await finalStatus(twelfth, await send(twelfth))
    assert.equal(await gateway.isIngested(first), false)
    assert.equal(await gateway.isIngested(twelfth), true)
  })

  const failures = [
    ['BadRequest_InvalidBlob', 'Permanent', undefined, 'KUSTO_INGESTION_FAILED'],
    ['General_ThrottledIngestion', 'Transient', undefined, 'KUSTO_INGESTION_TRANSIENT'],
    ['General_InternalServerError', 'Exhausted', undefined, 'KUSTO_INGESTION_TRANSIENT'],
    ['Download_Forbidden', 'Permanent', undefined, 'KUSTO_BLOB_LOST'],
    ['Some_Parts', 'Permanent', 'PartiallySucceeded', 'KUSTO_INGESTION_PARTIAL'],
  ] as const
  for (const [errorCode, failureStatus, status, code] of failures) {
    it(`takes ${errorCode} (${failureStatus}) for ${code}`, async () => {
      kusto.faults.nextIngestions.push({
        errorCode,
        failureStatus,
        ...(status === undefined ? {} : { status }),
      })
      const batch = aBatch()
      assert.equal(await codeOfFailure(batch, await send(batch)), code)
      assert.equal(await gateway.isIngested(batch), false)
      assert.equal(newRows(), 0)
    })
  }

  it('says that a table does not exist, and does not know of its extents', async () => {
    const batch = aBatch('Nowhere')
    const outcome = await finalStatus(batch, await send(batch))
    assert.equal(outcome.kind, 'failed')
    if (outcome.kind === 'failed') assert.match(outcome.error.message, /BadRequest_TableNotExist\. The table/)
    assert.equal(await gateway.isIngested(batch), undefined)
    assert.equal(await gateway.isIngested(aBatch()), false)
  })

  it('takes the blob away from a message that waits, which then brings nothing, while the next one does', async () => {
    kusto.faults.pauseIngestion = true
    const batch = aBatch()
    const first = await send(batch)

    assert.equal(await gateway.withdraw(first), true)
    kusto.faults.pauseIngestion = false

    // Not both at once: there are several queues, and the later one may come first.
    assert.equal(await codeOfFailure(batch, first), 'KUSTO_BLOB_LOST')
    const second = await send(batch, 1)
    assert.deepEqual(await finalStatus(batch, second), { kind: 'ingested', isRepeat: false })
    assert.equal(newRows(), 2)
  })

  it('brings the rows once although nothing but the blobs keeps two messages apart', async () => {
    kusto.faults.raceTags = true
    kusto.faults.ingestionDelayMs = 200
    kusto.faults.pauseIngestion = true
    const batch = aBatch()
    const first = await send(batch)
    assert.equal(await gateway.withdraw(first), true)
    const second = await send(batch, 1)
    kusto.faults.pauseIngestion = false
    await Promise.all([finalStatus(batch, first), finalStatus(batch, second)])
    assert.equal(newRows(), 2)
  })

  it('learns from the row that a message arrived whose reply was lost', async () => {
    const batch = aBatch()
    const sending = await upload(batch)
    kusto.faults.lostReplies.queue = 1
    assert.equal(await gateway.enqueue(batch, sending), 'unknown')
    assert.deepEqual(await finalStatus(batch, sending), { kind: 'ingested', isRepeat: false })
    assert.equal(newRows(), 2)
  })

  it('goes on when the replies to the blob and to the row are lost', async () => {
    const batch = aBatch()
    kusto.faults.lostReplies.blob = 1
    await assert.rejects(gateway.upload(batch, 0), { code: 'KUSTO_UNAVAILABLE' })
    kusto.faults.lostReplies.table = 1
    assert.deepEqual(await finalStatus(batch, await send(batch)), { kind: 'ingested', isRepeat: false })
    assert.equal(newRows(), 2)
  })

  it('asks the extents when there is no row to ask', async () => {
    kusto.faults.storage.table = 'error'
    const batch = aBatch()
    const sending = await send(batch)
    await waitFor('the rows', () => newRows() === 2)
    await assert.rejects(gateway.statusOf(batch, sending), { code: 'KUSTO_UNAVAILABLE' })
    kusto.faults.storage.table = 'none'
    assert.deepEqual(await gateway.statusOf(batch, sending), { kind: 'pending' })
    assert.equal(await gateway.isIngested(batch), true)
  })

  it('hears nothing of a message that Kusto lost, and can take its blob away', async () => {
    kusto.faults.lostMessages = 1
    const batch = aBatch()
    const lost = await send(batch)
    await waitFor('the message to be lost', () => kusto.faults.lostMessages === 0)
    assert.deepEqual(await gateway.statusOf(batch, lost), { kind: 'pending' })
    assert.equal(await gateway.isIngested(batch), false)
    assert.equal(await gateway.withdraw(lost), true)
    await finalStatus(batch, await send(batch, 1))
    assert.equal(newRows(), 2)
  })

  it('leaves a row alone that Kusto has written already', async () => {
    const batch = aBatch()
    const sending = await send(batch)
    await finalStatus(batch, sending)
    assert.equal(await gateway.enqueue(batch, sending), 'sent')
    assert.equal((await gateway.statusOf(batch, sending)).kind, 'ingested')
    assert.equal(kusto.ingestions.at(-1)?.message?.sourceId, sourceIdOf(batch.id))
  })
})
