import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { onCleanup } from '../helpers/cleanup.ts'
import { post } from '../helpers/sidecar.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const main = fileURLToPath(new URL('../../sidecar/main.ts', import.meta.url))

/** Starts a process with these words, for one that ends by itself. */
async function runToEnd(
  t: TestContext,
  words: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  onCleanup(t, () => child.kill('SIGKILL'))
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

describe('two processes on one journal directory', () => {
  it('are one: the second says why it does not start and does no harm, until the first is dead', async (t) => {
    const kusto = await StandInKusto.start(t)
    const directory = await temporaryDirectory(t)
    const options = { kustoUrl: kusto.url, directory, yaml: 'write: { batch_interval_ms: 60000 }' }
    const first = await SidecarProcess.start(t, options)
    assert.equal((await post(first.url, '{"n":1}')).status, 200)

    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { code, stderr } = await runToEnd(t, ['--config', `${directory}/sidecar.yaml`])
      assert.equal(code, 1)
      assert.equal(
        stderr,
        `kusto-sidecar: The journal directory ${directory}/journal is in use by another running sidecar. Stop that one, or give this one a directory of its own in journal.directory.\n`,
      )
    }
    assert.equal((await post(first.url, '{"n":2}')).status, 200)

    for (const command of ['inspect', 'verify']) {
      const { code, stdout } = await runToEnd(t, ['journal', command, '--dir', `${directory}/journal`])
      assert.equal(code, 0)
      assert.match(stdout, /in use by a running sidecar/)
    }

    await first.stop('SIGKILL')
    const { code, stdout } = await runToEnd(t, ['journal', 'verify', '--config', `${directory}/sidecar.yaml`])
    assert.equal(code, 0)
    assert.match(stdout, /no sidecar uses it.*2 records in 2 frames are whole\. Nothing is damaged\.\n$/s)
    assert.equal((await runToEnd(t, ['journal', 'verify', '--dir', `${directory}/none`])).code, 1)
    assert.equal((await runToEnd(t, ['journal', 'verify'])).code, 78)

    await SidecarProcess.start(t, options)
    await waitFor('what the first one took', () => kusto.records().length >= 2)
    assert.deepEqual(kusto.records().toSorted(), ['{"n":1}', '{"n":2}'])
  })
})
