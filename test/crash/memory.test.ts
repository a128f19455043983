import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { onCleanup } from '../helpers/cleanup.ts'
import { SidecarProcess } from '../helpers/sidecar-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

const connections = 500
const bodyBytes = 10_000_000

const part = Buffer.from(`${JSON.stringify({ log: 'x'.repeat(183) })}\n`.repeat(1_000))
const partsCount = Math.floor(bodyBytes / part.length)

/** Nobody listens there: everything that is accepted has to be kept. */
const noKusto = 'http://127.0.0.1:9'

/** A connection that was cut: on a machine too slow to read what it refuses within ten seconds. Shippers send again after it, as after a 503. */
const cut = 0
const cutCodes = new Set(['EPIPE', 'ECONNRESET'])

/** Posts a body part by part, as fast as the other side reads; resolves with the status, or with `cut`. */
function postLarge(url: string, agent: Agent): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { 'content-length': partsCount * part.length }
  const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
    response.resume()
    response.once('end', () => resolve(response.statusCode ?? 0))
  })
  outgoing.once('error', (error: NodeJS.ErrnoException) => {
    if (cutCodes.has(error.code ?? '')) resolve(cut)
    else reject(error)
  })
  let left = partsCount
  const write = (): void => {
    for (; left > 0; left -= 1) {
      if (outgoing.write(part)) continue
      left -= 1
      outgoing.once('drain', write)
      return
    }
    outgoing.end()
  }
  write()
  return promise
}

/** The most memory that a process ever had, in bytes. Told by Linux only. */
async function peakMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'VmHWM: 0 kB')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

async function start(t: TestContext): Promise<SidecarProcess> {
  const directory = await temporaryDirectory(t)
  const yaml = 'server: { listen: "127.0.0.1:0", admin_listen: "off", max_in_flight_mb: 64 }'
  return SidecarProcess.start(t, { kustoUrl: noKusto, directory, yaml })
}

describe('memory', () => {
  it('stays bounded when 500 connections post 10 MB each, and requests are taken again afterwards', async (t) => {
    const sidecar = await start(t)
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    onCleanup(t, () => agent.destroy())
    const statuses = await Promise.all(
      Array.from({ length: connections }, () => postLarge(sidecar.url, agent)),
    )
    const taken = statuses.filter((status) => status === 200).length
    const sentAway = statuses.filter((status) => status === 503 || status === cut).length
    assert.equal(taken + sentAway, connections, `other answers: ${[...new Set(statuses)].join(', ')}`)
    assert(taken > 0)
    assert(sentAway > 0, 'the limit was never reached')
    // Held at once they would be 5 GB. About 550 MB were seen.
    const peakBytes = await peakMemoryBytes(sidecar.child.pid ?? 0)
    assert(peakBytes < 1_000_000_000, `${peakBytes} bytes`)
    assert.equal(await postLarge(sidecar.url, agent), 200)
  })
})
