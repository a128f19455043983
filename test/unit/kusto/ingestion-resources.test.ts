import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { IngestionResourceCache } from '../../../sidecar/kusto/ingestion-resources.ts'
import type { ManagementClient, Row } from '../../../sidecar/kusto/management.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

class ScriptedManagement implements ManagementClient {
  fetches = 0
  isDown = false
  sas = 'se=2099-01-01T00:00:00Z&sig=x'
  rows: ((n: number) => Row[]) | undefined

  async execute(command: string): Promise<Row[]> {
    if (command.includes('identity')) return [{ AuthorizationContext: `token ${this.fetches}` }]
    this.fetches += 1
    if (this.isDown) throw new SidecarError('KUSTO_UNAVAILABLE', 'down')
    if (this.rows !== undefined) return this.rows(this.fetches)
    return [
      {
        ResourceTypeName: 'TempStorage',
        StorageRoot: `https://a.blob.core.windows.net/c${this.fetches}?${this.sas}`,
      },
      {
        ResourceTypeName: 'SecuredReadyForAggregationQueue',
        StorageRoot: `https://a.queue.core.windows.net/q?${this.sas}`,
      },
      { ResourceTypeName: 'TempStorage', StorageRoot: 'not an address' },
    ]
  }

  async close() {}
}

function create() {
  const clock = new ManualClock()
  const management = new ScriptedManagement()
  let failures = 0
  const cache = new IngestionResourceCache({
    management,
    cacheExpirationMs: 7_200_000,
    clock,
    onFetched: () => undefined,
    onFetchFailed: () => (failures += 1),
  })
  const containerNow = async () => new URL((await cache.get()).containers[0]?.url ?? '').pathname
  return { clock, management, cache, containerNow, failures: () => failures }
}

describe('IngestionResourceCache', () => {
  it('fetches once for many callers', async () => {
    const { cache, management } = create()
    const sets = await Promise.all(Array.from({ length: 20 }, () => cache.get()))
    assert.equal(management.fetches, 1)
    assert.equal(sets[0]?.containers.length, 1)
    assert.equal(sets[0]?.queues[0]?.account, 'a.queue.core.windows.net')
  })

  it('refreshes in the background after three quarters of the time, serving the old set meanwhile', async () => {
    const { clock, management, containerNow } = create()
    assert.equal(await containerNow(), '/c1')
    clock.advance(7_200_000 * 0.75 - 10)
    assert.equal(await containerNow(), '/c1')
    assert.equal(management.fetches, 1)

    clock.advance(20)
    assert.equal(await containerNow(), '/c1', 'the caller does not wait')
    await clock.advanceAndSettle(0)
    assert.equal(await containerNow(), '/c2')
    assert.equal(management.fetches, 2)
  })

  it('keeps using the old set while a refresh fails, also past its time', async () => {
    const { clock, management, containerNow, failures } = create()
    await containerNow()
    management.isDown = true
    for (let hours = 2; hours < 10; hours += 1) {
      clock.advance(3_600_000)
      assert.equal(await containerNow(), '/c1')
      await clock.advanceAndSettle(0)
    }
    assert.ok(failures() > 1)
    management.isDown = false
    await containerNow()
    await clock.advanceAndSettle(0)
    assert.notEqual(await containerNow(), '/c1')
  })

  it('waits for a new set after storage refused a SAS, with one fetch for all', async () => {
    const { cache, management, containerNow } = create()
    await containerNow()
    cache.refuse()
    assert.deepEqual(
      new Set(await Promise.all([containerNow(), containerNow(), containerNow()])),
      new Set(['/c2']),
    )
    assert.equal(management.fetches, 2)
    assert.equal(await containerNow(), '/c2')
    assert.equal(management.fetches, 2, 'a refusal asks for one new set')
  })

  it('refreshes before the SAS ends, however long the cache time is', async () => {
    const { clock, management, containerNow } = create()
    management.sas = `se=${encodeURIComponent(new Date(clock.now() + 600_000).toISOString())}&sig=x`
    await containerNow()
    clock.advance(600_000 * 0.75 + 10)
    await containerNow()
    await clock.advanceAndSettle(0)
    assert.equal(management.fetches, 2)
  })

  it('says what is missing when Kusto hands out nothing', async () => {
    const { cache, management } = create()
    management.rows = () => []
    await assert.rejects(cache.get(), { code: 'KUSTO_NO_RESOURCES', message: /TempStorage.*ingestion_url/ })
    management.rows = undefined
    await cache.get()
  })

  it('rejects with the reason when there is no set at all', async () => {
    const { cache, management } = create()
    management.isDown = true
    await assert.rejects(cache.get(), { code: 'KUSTO_UNAVAILABLE' })
  })
})
