import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { DeliveryQueue } from '../../../sidecar/delivery/delivery.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aSealedBatch } from './fake-batch.ts'

const aBatch = (id: string, repair: SealedBatch['repair']) => aSealedBatch({ id, repair })

function create() {
  const uploads: string[] = []
  const clock = new ManualClock()
  const delivery = new DeliveryQueue({
    gateway: {
      upload: async ({ id }) => {
        uploads.push(id)
        if (id === 'damaged') throw new SidecarError('JOURNAL_CORRUPT', 'damaged')
        return { url: id }
      },
      enqueue: async () => 'sent',
      statusOf: async () => ({ kind: 'pending' }),
      isIngested: async () => undefined,
      commit: async () => ({ kind: 'absent' }),
      withdraw: async () => false,
      probe: async () => undefined,
      trouble: () => ({}),
      close: async () => undefined,
    },
    deadLetters: { keep: async () => undefined },
    retry: { maxAttempts: 3, baseIntervalMs: 1_000, maxIntervalMs: 60_000 },
    maxInFlight: 1,
    maxInFlightPerDestination: 1,
    clock,
    random: new SeededRandom(1),
    log: silentLog(),
    metrics: createMetrics(),
  })
  const deliver = (batch: SealedBatch) => delivery.deliver(batch, { keepExhausted: true })
  return { uploads, clock, delivery, deliver }
}

describe('a batch that was damaged on the disk', () => {
  it('is delivered as far as it is whole', async () => {
    const { uploads, deliver } = create()
    const repaired = aBatch('repaired', async () => undefined)
    await deliver(aBatch('damaged', async () => repaired))
    assert.deepEqual(uploads, ['damaged', 'repaired'])
  })

  it('is settled when nothing of it is whole', async () => {
    const { deliver, delivery } = create()
    await deliver(aBatch('damaged', async () => undefined))
    assert.equal(delivery.unsettledCount, 0)
  })

  it('waits when it cannot be repaired now', async () => {
    const { uploads, deliver, clock } = create()
    let repairs = 0
    const settled = deliver(
      aBatch('damaged', async () => {
        repairs += 1
        if (repairs === 1) throw new SidecarError('JOURNAL_FULL', 'full')
        return undefined
      }),
    )
    await clock.advanceAndSettle(0)
    await clock.advanceAndSettle(60_000)
    await settled
    assert.equal(repairs, 2)
    assert.deepEqual(uploads, ['damaged'])
  })
})
