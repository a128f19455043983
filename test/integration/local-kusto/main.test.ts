import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { describe, it } from 'node:test'
import { waitFor } from '../../helpers/wait.ts'

const main = 'sidecar/local-kusto/main.ts'
const run = promisify(execFile)

describe('local-kusto/main.ts', () => {
  it('tells where it listens, answers, and ends cleanly with ^C', { timeout: 30_000 }, async (t) => {
    const child = spawn(process.execPath, [main, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let [output, errors] = ['', '']
    child.stdout.on('data', (piece: Buffer) => (output += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()))
    const url = await waitFor('the address', () => /Listening on (\S+);/.exec(output)?.[1])

    const response = await fetch(`${url}/v1/rest/mgmt`, { method: 'POST', body: '{"csl":".show version"}' })
    assert.equal(response.status, 200)
    await response.text()
    child.kill('SIGINT')

    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.equal(errors, '')
  })

  it('explains its options, and refuses others', async () => {
    const { stdout } = await run(process.execPath, [main, '--help'])
    assert.match(stdout, /--directory/)

    await assert.rejects(run(process.execPath, [main, '--port', '99999']), {
      code: 1,
      stderr: /--port must be a whole number/,
    })
    await assert.rejects(run(process.execPath, [main, '--colour']), { code: 1, stderr: /'--colour'/ })
  })
})
