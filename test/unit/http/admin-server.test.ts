import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { AdminServer } from '../../../sidecar/http/admin-server.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { onCleanup } from '../../helpers/cleanup.ts'
import { waitFor } from '../../helpers/wait.ts'

async function create(
  t: TestContext,
  { flush = async () => undefined, replay = async (filter) => ({ filter }) }: Commands = {},
) {
  const clock = new ManualClock()
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => logLines.push(line) },
  )
  const admin = new AdminServer({
    reasonsNotReady: () => [],
    beforeScrape: () => undefined,
    registry: createMetrics().registry,
    flush,
    replay,
    clock,
    log,
  })
  const { port } = await admin.listen('127.0.0.1', 0)
  onCleanup(t, () => admin.close())
  const ask = async (path: string, body?: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      ...(body === undefined ? {} : { body }),
    })
    return { status: response.status, json: await response.json() }
  }
  return { clock, logLines, ask }
}

type Commands = {
  flush?: () => Promise<void>
  replay?: (filter: unknown) => Promise<unknown>
}

describe('AdminServer', () => {
  it('hands the filter to the replay and answers what it resolves with; no body is no filter', async (t) => {
    const { ask } = await create(t)
    const filter = { code: 'DECODE_NOT_JSON', limit: 5 }
    assert.deepEqual(await ask('/-/dead-letter/replay', JSON.stringify(filter)), {
      status: 200,
      json: { filter },
    })
    assert.deepEqual(await ask('/-/dead-letter/replay'), { status: 200, json: { filter: {} } })
  })

  it('answers 400 to a filter that is not JSON, without repeating it', async (t) => {
    const { ask } = await create(t)
    const { status, json } = await ask('/-/dead-letter/replay', '{PLANTED')
    assert.equal(status, 400)
    assert.doesNotMatch(JSON.stringify(json), /PLANTED/)
  })

  it('answers the status and message of an error of the catalogue, and hides any other', async (t) => {
    let error: Error = new SidecarError('DEAD_LETTER_FULL', 'The directory is full.')
    const { ask, logLines } = await create(t, { replay: () => Promise.reject(error) })
    assert.deepEqual(await ask('/-/dead-letter/replay'), {
      status: 503,
      json: { error: { message: 'The directory is full.' } },
    })
    error = new Error('PLANTED')
    const { status, json } = await ask('/-/dead-letter/replay')
    assert.equal(status, 503)
    assert.doesNotMatch(JSON.stringify(json), /PLANTED/)
    assert.match(logLines.at(-1) ?? '', /"level":"error".*admin\.command_failed.*PLANTED/)
  })

  it('says after 30 s that a flush is not through', async (t) => {
    const asked = Promise.withResolvers<void>()
    const { ask, clock } = await create(t, {
      flush: () => {
        asked.resolve()
        return new Promise(() => undefined)
      },
    })
    const answer = ask('/-/flush')
    await asked.promise
    await waitFor('the timer', () => clock.timersCount)
    await clock.advanceAndSettle(30_000)
    assert.deepEqual((await answer).status, 503)
    assert.equal(clock.timersCount, 0)
  })
})
