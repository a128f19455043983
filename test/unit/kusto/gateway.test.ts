import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { QueuedIngestion } from '../../../sidecar/kusto/gateway.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { MemoryStore } from '../../../sidecar/journal/memory-store.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { systemClock } from '../../../sidecar/platform/clock.ts'
import { systemRandom } from '../../../sidecar/platform/random.ts'
import { StandInKusto } from '../../fakes/stand-in-kusto.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'

async function create(t: TestContext) {
  const kusto = await StandInKusto.start(t)
  const gateway = new QueuedIngestion({
    ingestionUrl: kusto.url,
    auth: { type: 'none' },
    trustHost: false,
    cacheExpirationMs: 7_200_000,
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    metrics: createMetrics(),
  })
  t.after(() => gateway.close())
  const store = new MemoryStore({ maxBytes: 1_000_000_000, clock: systemClock, random: systemRandom })
  const aBatch = async (records = ['{"n":1}'], table = 'App'): Promise<SealedBatch> => {
    const open = await store.open(aDestination({ table }))
    for (const record of records) await open.append(aFrame([record]))
    return (await open.seal()) as SealedBatch
  }
  return { kusto, gateway, aBatch }
}

describe('QueuedIngestion', () => {
  it('puts the blob and posts the message, using all containers and queues', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    for (let n = 0; n < 6; n += 1) {
      const batch = await aBatch([`{"n":${n}}`], 'A table.1-x')
      await gateway.enqueue(batch, await gateway.upload(batch))
    }
    assert.deepEqual(
      kusto.records(),
      [0, 1, 2, 3, 4, 5].map((n) => `{"n":${n}}`),
    )
    assert.equal(new Set(kusto.messages.map(({ queue }) => queue)).size, 2)
    assert.equal(new Set([...kusto.blobs.keys()].map((path) => path.split('/')[1])).size, 2)
    assert.equal(kusto.count('resources'), 1)
    assert.deepEqual(gateway.trouble(), {})
    const [upload] = kusto.requests.filter(({ operation }) => operation === 'upload')
    assert.equal(upload?.headers['x-ms-blob-type'], 'BlockBlob')
    assert.equal(upload?.headers['transfer-encoding'], undefined)
  })

  it('works with addresses that have no account in the path', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    kusto.containers = ['only']
    kusto.queues = ['only-queue']
    const batch = await aBatch()
    await gateway.enqueue(batch, await gateway.upload(batch))
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('sees that the blob is there when the answer to an upload was lost', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    kusto.containers = ['a/one']
    kusto.rudeness = (operation) => (operation === 'upload' ? 'lose-reply' : undefined)
    const batch = await aBatch()
    await assert.rejects(gateway.upload(batch), { code: 'KUSTO_UNAVAILABLE' })
    kusto.rudeness = () => undefined

    await gateway.enqueue(batch, await gateway.upload(batch))

    assert.equal(kusto.blobs.size, 1)
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('writes the blob again when another length is found under its name', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    kusto.containers = ['a/one']
    const batch = await aBatch()
    const { url } = await gateway.upload(batch)
    kusto.blobs.set(new URL(url).pathname, Buffer.from('half'))

    await gateway.enqueue(batch, await gateway.upload(batch))

    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('fetches resources again when a SAS is refused, and then works', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    const batch = await aBatch()
    const blob = await gateway.upload(batch)
    kusto.signature = 'second'
    await assert.rejects(gateway.enqueue(batch, blob), { code: 'KUSTO_SAS_REFUSED' })

    await gateway.enqueue(batch, blob)

    assert.match(kusto.messages[0]?.message.BlobPath ?? '', /sig=second/)
    assert.equal(kusto.count('resources'), 2)
  })

  it('uploads again when the container was rotated away in between', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    kusto.containers = ['a/old']
    const batch = await aBatch()
    const blob = await gateway.upload(batch)
    kusto.containers = ['a/new']
    kusto.signature = 'second'
    await assert.rejects(gateway.enqueue(batch, blob))
    await gateway.enqueue(batch, blob)
    assert.match(kusto.messages[0]?.message.BlobPath ?? '', /\/a\/new\//)
  })

  const answers: [number, string][] = [
    [500, 'KUSTO_UNAVAILABLE'],
    [503, 'KUSTO_UNAVAILABLE'],
    [429, 'KUSTO_THROTTLED'],
    [403, 'KUSTO_SAS_REFUSED'],
    [404, 'KUSTO_SAS_REFUSED'],
    [413, 'KUSTO_BLOB_REFUSED'],
    [400, 'KUSTO_UNCLASSIFIED'],
    [418, 'KUSTO_UNCLASSIFIED'],
  ]
  for (const [status, code] of answers) {
    it(`calls a ${status} of storage ${code}`, async (t) => {
      const { kusto, gateway, aBatch } = await create(t)
      kusto.rudeness = (operation) => (operation === 'upload' ? status : undefined)
      await assert.rejects(gateway.upload(await aBatch()), (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.ok(!error.message.includes('sig='), error.message)
        assert.match(error.message, new RegExp(`${status}`))
        return true
      })
      // A blob that is too large is not Kusto's trouble.
      assert.equal(gateway.trouble().delivery !== undefined, status !== 413)
    })
  }

  it('says what is wrong when Kusto refuses or cannot be reached, without its secrets', async (t) => {
    const { kusto, gateway } = await create(t)
    for (const [status, code] of [
      [401, 'KUSTO_UNAUTHORIZED'],
      [500, 'KUSTO_UNAVAILABLE'],
      [429, 'KUSTO_THROTTLED'],
      [400, 'KUSTO_UNCLASSIFIED'],
    ] as const) {
      kusto.rudeness = () => status
      await assert.rejects(gateway.probe(), { code })
      assert.match(gateway.trouble().service ?? '', /\.get (ingestion resources|kusto identity token)/)
    }
    await kusto.stop()
    await assert.rejects(gateway.probe(), { code: 'KUSTO_UNAVAILABLE' })
  })

  it('ends with the error of the journal when the batch cannot be read, and leaves no blob', async (t) => {
    const { kusto, gateway, aBatch } = await create(t)
    const batch = await aBatch()
    const damaged: SealedBatch = {
      id: batch.id,
      destination: batch.destination,
      recordCount: 1,
      rawBytes: 8,
      blobBytes: batch.blobBytes,
      receivedAtMs: 0,
      async *read() {
        yield Buffer.from('x')
        throw new SidecarError('JOURNAL_CORRUPT', 'damaged')
      },
      remove: () => batch.remove(),
      repair: () => batch.repair(),
    }
    await assert.rejects(gateway.upload(damaged), { code: 'JOURNAL_CORRUPT' })
    assert.equal(kusto.blobs.size, 0)
  })
})
