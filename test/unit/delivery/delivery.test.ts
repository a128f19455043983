import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import type { DeadLetter, KustoGateway, SealedBatch, UploadedBlob } from '../../../sidecar/core/ports.ts'
import { DeliveryQueue } from '../../../sidecar/delivery/delivery.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { waitFor } from '../../helpers/wait.ts'
import { aSealedBatch } from './fake-batch.ts'

type Call = 'upload' | 'enqueue'

/** Records what it is asked, and fails as `outcome` says. */
class ScriptedGateway implements KustoGateway {
  readonly calls: string[] = []
  reply: 'sent' | 'unknown' = 'sent'
  outcome: (call: Call, batch: SealedBatch) => Promise<void> | void = () => undefined

  async upload(batch: SealedBatch, _number: number, earlier?: UploadedBlob) {
    this.calls.push(`${earlier === undefined ? 'upload' : 'find'} ${batch.destination.table}`)
    await this.outcome('upload', batch)
    return earlier ?? { url: `https://blobs/${batch.id}` }
  }

  async enqueue(batch: SealedBatch) {
    this.calls.push(`enqueue ${batch.destination.table}`)
    await this.outcome('enqueue', batch)
    return this.reply
  }

  statusOf = () => assert.fail('nothing is to be asked')
  isIngested = () => assert.fail('nothing is to be asked')
  commit = () => assert.fail('nothing is to be moved')
  withdraw = () => assert.fail('nothing is to be withdrawn')

  async probe() {}
  trouble() {
    return {}
  }
  async close() {}
}

function create(
  overrides: { keepExhausted?: boolean; maxInFlight?: number; deadLettersFull?: boolean } = {},
) {
  const clock = new ManualClock()
  const gateway = new ScriptedGateway()
  const kept: DeadLetter[] = []
  const delivery = new DeliveryQueue({
    gateway,
    deadLetters: {
      keep: async (letters) => {
        if (overrides.deadLettersFull === true && kept.length === 0) {
          overrides.deadLettersFull = false
          throw new SidecarError('DEAD_LETTER_FULL', 'full')
        }
        kept.push(...letters)
      },
    },
    retry: { maxAttempts: 3, baseIntervalMs: 1_000, maxIntervalMs: 60_000 },
    maxInFlight: overrides.maxInFlight ?? 8,
    maxInFlightPerDestination: 4,
    clock,
    random: new SeededRandom(2),
    log: silentLog(),
    metrics: createMetrics(),
  })
  const batch = (table: string, records = ['{"n":1}']) => aSealedBatch({ table, records })
  const deliver = (one: SealedBatch) =>
    delivery.deliver(one, { keepExhausted: overrides.keepExhausted ?? true })
  return { clock, gateway, delivery, deliver, kept, batch }
}

const failWith = (code: ErrorCode) => {
  throw new SidecarError(code, 'planned')
}

describe('DeliveryQueue', () => {
  it('uploads, enqueues and settles', async () => {
    const { gateway, delivery, deliver, batch } = create()
    await deliver(batch('A'))
    assert.deepEqual(gateway.calls, ['upload A', 'enqueue A'])
    assert.equal(delivery.unsettledCount, 0)
    await delivery.whenIdle()
  })

  it('tries again after a pause, and does not upload twice when only the message failed', async () => {
    const { gateway, deliver, batch, clock } = create()
    let failures = 2
    gateway.outcome = (call) => {
      if (call === 'enqueue' && failures-- > 0) failWith('KUSTO_THROTTLED')
    }
    const settled = deliver(batch('A'))
    await clock.advanceAndSettle(0)
    assert.equal(gateway.calls.length, 2)
    await clock.advanceAndSettle(1_000)
    await clock.advanceAndSettle(2_000)
    await settled
    assert.deepEqual(gateway.calls, ['upload A', 'enqueue A', 'find A', 'enqueue A', 'find A', 'enqueue A'])
  })

  it('sends the message again when nobody knows whether it was posted', async () => {
    const { gateway, delivery, deliver, batch, clock } = create()
    gateway.reply = 'unknown'
    const settled = deliver(batch('A'))
    await clock.advanceAndSettle(0)
    assert.equal(delivery.unsettledCount, 1)
    gateway.reply = 'sent'
    await clock.advanceAndSettle(1_000)
    await settled
    assert.deepEqual(gateway.calls, ['upload A', 'enqueue A', 'find A', 'enqueue A'])
  })

  it('never gives up a batch of the journal: after max_attempts it rests for the longest pause and starts again', async () => {
    const { gateway, deliver, batch, clock } = create()
    gateway.outcome = () => failWith('KUSTO_UNAVAILABLE')
    const settled = deliver(batch('A'))
    for (let attempt = 0; attempt < 3; attempt += 1) await clock.advanceAndSettle(4_000)
    assert.equal(gateway.calls.length, 3)
    await clock.advanceAndSettle(45_000)
    assert.equal(gateway.calls.length, 3, 'it rests')
    gateway.outcome = () => undefined
    await clock.advanceAndSettle(10_000)
    await settled
  })

  it('gives a batch in memory back to its senders after max_attempts', async () => {
    const { gateway, delivery, deliver, batch, clock } = create({ keepExhausted: false })
    gateway.outcome = () => failWith('KUSTO_UNAVAILABLE')
    const settled = deliver(batch('A'))
    const rejected = assert.rejects(settled, { code: 'DELIVERY_ATTEMPTS_EXHAUSTED' })
    for (let attempt = 0; attempt < 3; attempt += 1) await clock.advanceAndSettle(4_000)
    await rejected
    assert.equal(delivery.unsettledCount, 0)
  })

  it('keeps going with other destinations while one is refused', async () => {
    const { gateway, delivery, deliver, batch, clock } = create({ maxInFlight: 1 })
    gateway.outcome = (_call, { destination }) => {
      if (destination.table === 'Bad') failWith('KUSTO_UNCLASSIFIED')
    }
    for (let n = 0; n < 20; n += 1) void deliver(batch('Bad'))
    await deliver(batch('Good'))
    assert.ok(gateway.calls.filter((call) => call === 'upload Bad').length <= 20)
    await clock.advanceAndSettle(0)
    assert.equal(delivery.unsettledCount, 20)
  })

  it('lets destinations take turns, so a large one does not starve a small one', async () => {
    const { gateway, deliver, batch } = create({ maxInFlight: 1 })
    const batches = []
    for (let n = 0; n < 50; n += 1) batches.push(batch('Large'))
    batches.push(batch('Small'))
    await Promise.all(batches.map(deliver))
    const uploads = gateway.calls.filter((call) => call.startsWith('upload'))
    assert.ok(uploads.indexOf('upload Small') <= 2, `turn ${uploads.indexOf('upload Small')}`)
  })

  it('leaves room for others beside a destination whose uploads hang', async () => {
    const { gateway, deliver, batch } = create()
    gateway.outcome = (_call, { destination }) =>
      destination.table === 'Hangs' ? new Promise(() => undefined) : undefined
    for (let n = 0; n < 20; n += 1) void deliver(batch('Hangs'))
    await deliver(batch('Good'))
    assert.equal(gateway.calls.filter((call) => call === 'upload Hangs').length, 4)
  })

  it('keeps the records of a batch that storage will never take as dead letters', async () => {
    const { gateway, deliver, batch, kept } = create()
    gateway.outcome = () => failWith('KUSTO_BLOB_REFUSED')
    await deliver(batch('A', ['{"n":1}', '{"n":"\\u0000 ü"}']))
    assert.deepEqual(
      kept.map((letter) => [letter.code, letter.destination, letter.bytes.toString()]),
      [
        ['KUSTO_BLOB_REFUSED', 'Logs.A', '{"n":1}'],
        ['KUSTO_BLOB_REFUSED', 'Logs.A', '{"n":"\\u0000 ü"}'],
      ],
    )
  })

  it('holds on to such a batch while the dead letters are full', async () => {
    const { gateway, deliver, batch, kept, clock } = create({ deadLettersFull: true })
    gateway.outcome = () => failWith('KUSTO_BLOB_REFUSED')
    const settled = deliver(batch('A'))
    await waitFor('the dead letter', async () => {
      await clock.advanceAndSettle(60_000)
      return kept.length
    })
    await settled
    assert.equal(kept.length, 1)
  })

  it('starts nothing more after stop', async () => {
    const { gateway, delivery, deliver, batch, clock } = create()
    gateway.outcome = () => failWith('KUSTO_UNAVAILABLE')
    void deliver(batch('A'))
    await clock.advanceAndSettle(0)
    delivery.stop()
    await clock.advanceAndSettle(600_000)
    assert.equal(gateway.calls.length, 1)
    assert.equal(delivery.unsettledCount, 1)
  })
})
