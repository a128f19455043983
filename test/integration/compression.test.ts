import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { realIsal } from '../helpers/isal.ts'
import { configText } from '../helpers/sidecar.ts'
import { onCleanup } from '../helpers/cleanup.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'

const { skip } = await realIsal()

/** Node with no koffi, as after `npm ci --omit=optional`; tells on stderr that it was asked for. */
const withoutKoffi = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== 'koffi') return next(specifier, context)
      console.error('koffi was asked for')
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    },
  })`)}`

/** The process of the sidecar with what it writes. */
async function start(t: TestContext, compression: string, nodeOptions: readonly string[]) {
  const directory = await temporaryDirectory(t)
  const yaml = `journal: { directory: "${directory}/journal", compression: ${compression} }`
  const file = `${directory}/sidecar.yaml`
  // Nobody answers there, and nothing of this needs it.
  await writeFile(file, configText({ kustoUrl: 'http://127.0.0.1:9', directory, yaml }))
  const child = spawn(process.execPath, [...nodeOptions, 'sidecar/main.ts', '--config', file])
  onCleanup(t, () => child.kill('SIGKILL'))
  const output = { out: '', errors: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.errors += chunk.toString()))
  const events = () =>
    output.out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { event: string; engine?: string; why?: string; port?: number })
  return { output, events, ended: once(child, 'exit') as Promise<[number | null]> }
}

async function whenStarted(process: Awaited<ReturnType<typeof start>>) {
  await waitFor('the start', () => process.output.out.includes('"sidecar.started"'))
  const events = process.events()
  const at = (event: string) => events.findIndex((line) => line.event === event)
  assert(at('compression.chosen') < at('sidecar.started'), 'chosen after requests were taken')
  assert.equal(events.filter(({ event }) => event === 'compression.chosen').length, 1)
  const { port } = events[at('sidecar.started')] ?? {}
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return { chosen: events[at('compression.chosen')], metrics }
}

describe('a sidecar without koffi', () => {
  it('compresses by zlib on auto, and tells why', async (t) => {
    const { chosen, metrics } = await whenStarted(await start(t, 'auto', ['--import', withoutKoffi]))
    assert.equal(chosen?.engine, 'zlib')
    assert.match(chosen?.why ?? '', /koffi: is not installed/)
    assert.match(metrics, /^sidecar_compression_info\{engine="zlib"\} 1$/m)
  })

  it('does not start on isal, and says what to do', async (t) => {
    const { output, ended } = await start(t, 'isal', ['--import', withoutKoffi])
    const [code] = await ended
    assert.equal(code, 1)
    assert.match(output.errors, /journal\.compression is isal.*koffi.*libisal2.*auto or zlib/)
    assert.doesNotMatch(output.out, /sidecar\.started/)
  })

  it('is not asked for by zlib', async (t) => {
    const process = await start(t, 'zlib', ['--import', withoutKoffi])
    const { chosen } = await whenStarted(process)
    assert.equal(chosen?.engine, 'zlib')
    assert.equal(chosen?.why, undefined)
    assert.doesNotMatch(process.output.errors, /koffi was asked for/)
  })
})

describe('a sidecar with ISA-L', { skip }, () => {
  it('starts when it is demanded, and tells so', async (t) => {
    const { chosen, metrics } = await whenStarted(await start(t, 'isal', []))
    assert.equal(chosen?.engine, 'isal')
    assert.match(metrics, /^sidecar_compression_info\{engine="isal"\} 1$/m)
  })
})
