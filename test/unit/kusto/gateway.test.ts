import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { blobNameOf, sourceIdOf } from '../../../sidecar/kusto/names.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import type { SealedBatch } from '../../../sidecar/core/ports.ts'
import { aSending } from '../../helpers/sealed-batch.ts'
import { aGateway } from './a-gateway.ts'

describe('QueuedIngestion', () => {
  it('puts the blob and posts the message, using all containers and queues', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t)
    for (let n = 0; n < 6; n += 1) {
      const batch = aBatch([`{"n":${n}}`], 'A table.1-x')
      assert.equal(await send(batch), 'sent')
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
    const { kusto, aBatch, send } = await aGateway(t)
    kusto.containers = ['only']
    kusto.queues = ['only-queue']
    const batch = aBatch()
    assert.equal(await send(batch), 'sent')
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('sees that the blob is there when the answer to an upload was lost', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t)
    kusto.containers = ['a/one']
    kusto.rudeness = (operation) => (operation === 'upload' ? 'lose-reply' : undefined)
    const batch = aBatch()
    await assert.rejects(gateway.upload(batch, 0), { code: 'KUSTO_UNAVAILABLE' })
    kusto.rudeness = () => undefined

    assert.equal(await send(batch), 'sent')

    assert.equal(kusto.blobs.size, 1)
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('writes the blob again when another length is found under its name', async (t) => {
    const { kusto, gateway, aBatch, send } = await aGateway(t)
    kusto.containers = ['a/one']
    const batch = aBatch()
    const { url } = await gateway.upload(batch, 0)
    kusto.blobs.set(new URL(url).pathname, Buffer.from('half'))

    assert.equal(await send(batch), 'sent')

    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('fetches resources again when a SAS is refused, and then works', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const batch = aBatch()
    const blob = await gateway.upload(batch, 0)
    kusto.signature = 'second'
    await assert.rejects(gateway.enqueue(batch, aSending(blob)), { code: 'KUSTO_SAS_REFUSED' })

    await gateway.enqueue(batch, aSending(blob))

    assert.match(kusto.messages[0]?.message.BlobPath ?? '', /sig=second/)
    assert.equal(kusto.count('resources'), 2)
  })

  it('refuses a blob whose container was rotated away before it posts, and then puts it into a current one', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    kusto.containers = ['a/old']
    const batch = aBatch()
    const blob = await gateway.upload(batch, 0)
    assert.deepEqual(await gateway.upload(batch, 0, blob), blob)
    assert.equal(kusto.count('upload'), 1)
    kusto.containers = ['a/new']
    kusto.signature = 'second'
    await assert.rejects(gateway.enqueue(batch, aSending(blob)), { code: 'KUSTO_SAS_REFUSED' })
    await assert.rejects(gateway.enqueue(batch, aSending(blob)), { code: 'KUSTO_SAS_REFUSED' })
    assert.equal(kusto.messages.length, 0)

    const again = await gateway.upload(batch, 0, blob)
    assert.equal(await gateway.enqueue(batch, aSending(again)), 'sent')
    assert.match(kusto.messages[0]?.message.BlobPath ?? '', /\/a\/new\//)
  })

  it('gives each further message a blob and a source id of its own', async (t) => {
    const { kusto, gateway, aBatch } = await aGateway(t)
    const batch = aBatch()
    for (const number of [0, 1, 2])
      assert.equal(
        await gateway.enqueue(batch, aSending(await gateway.upload(batch, number), number)),
        'sent',
      )
    const sent = kusto.messages.map(({ message }) => message)
    assert.equal(new Set(sent.map(({ Id }) => Id)).size, 3)
    for (const [number, { Id, BlobPath }] of sent.entries()) {
      assert.equal(Id, sourceIdOf(batch.id, number))
      assert.ok(BlobPath.includes(blobNameOf(batch, number)), BlobPath)
    }
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
      const { kusto, gateway, aBatch } = await aGateway(t)
      kusto.rudeness = (operation) => (operation === 'upload' ? status : undefined)
      await assert.rejects(gateway.upload(aBatch(), 0), (error: Error & { code: string }) => {
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
    const { kusto, gateway } = await aGateway(t)
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
    const { kusto, gateway, aBatch } = await aGateway(t)
    const batch = aBatch()
    const damaged: SealedBatch = {
      ...batch,
      async *read() {
        yield Buffer.from('x')
        throw new SidecarError('JOURNAL_CORRUPT', 'damaged')
      },
    }
    await assert.rejects(gateway.upload(damaged, 0), { code: 'JOURNAL_CORRUPT' })
    assert.equal(kusto.blobs.size, 0)
  })
})
