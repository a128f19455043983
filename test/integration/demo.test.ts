import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const demo = fileURLToPath(new URL('../demo/demo.ts', import.meta.url))

describe('npm run demo', () => {
  it('brings recorded Fluent Bit requests into the local Kusto and shows the rows', async () => {
    const child = spawn(process.execPath, [demo, '--once'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])

    assert.equal(code, 0, output)
    assert.match(output, /2403 of 2403 rows/)
    assert.match(output, /Logs \| count\n\s+Count\n.*\n\s+2403\n/)
    assert.match(output, /web-7f9\s+9007199254740993/)
  })
})
