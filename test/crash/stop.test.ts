import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

describe('SIGTERM', () => {
  it('waits for a Kusto that comes back within the grace period', async (t) => {
    const kusto = await StandInKusto.start(t)
    const sidecar = await SidecarProcess.start(t, {
      kustoUrl: kusto.url,
      directory: await temporaryDirectory(t),
    })
    kusto.rudeness = (operation) => (operation === 'upload' ? 503 : undefined)
    await fetch(sidecar.url, { method: 'POST', body: '{"n":1}' })
    const stopped = sidecar.stop('SIGTERM')
    await waitFor('a failed attempt', () => kusto.count('upload'))
    kusto.rudeness = () => undefined
    assert.equal(await stopped, 0)
    assert.deepEqual(kusto.records(), ['{"n":1}'])
  })

  it('is heard right after the start', async (t) => {
    const kusto = await StandInKusto.start(t)
    const sidecar = await SidecarProcess.start(t, {
      kustoUrl: kusto.url,
      directory: await temporaryDirectory(t),
    })
    assert.equal(await sidecar.stop('SIGTERM'), 0)
  })
})
