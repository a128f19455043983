import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseCompressor, type ChooseOptions } from '../../../sidecar/compress/choose-compressor.ts'
import type { Compressor } from '../../../sidecar/compress/compressor.ts'
import { zlibCompressor } from '../../../sidecar/compress/zlib-compressor.ts'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { createLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'

type Opened = ChooseOptions['openIsal'] & {}

const { compress } = zlibCompressor
const working: Compressor = { engine: 'isal', library: 'libisal.so.2', compress }
const notThere: Opened = () => Promise.reject(new Error('libisal.so.2: cannot open shared object file'))

/** Engines that the self test has to find out. */
const broken: Record<string, Compressor['compress']> = {
  'other bytes': async (bytes) => compress(Buffer.from(bytes).fill(0x78)),
  'other bytes where they do not compress': async (bytes) =>
    compress(bytes.includes('ready') ? bytes : Buffer.from(bytes).fill(0x78)),
  'a piece that ends the stream': async (bytes) =>
    Buffer.concat([await compress(bytes), Buffer.from([0x03, 0x00])]),
  'the bytes of another piece': async (bytes) => compress(bytes.length > 50_000 ? bytes.subarray(1) : bytes),
  'what is no deflate': async (bytes) => bytes,
  nothing: async () => Buffer.of(),
  'an error': () => Promise.reject(new Error('code -1')),
}

async function choose(compression: ChooseOptions['compression'], openIsal: Opened) {
  const lines: Record<string, string>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, string>)
  const log = await createLog({ level: 'info', format: 'json' }, { write })
  const metrics = createMetrics()
  const chosen = await chooseCompressor({ compression, openIsal, log, metrics })
  const info = await metrics.registry.getSingleMetricAsString('sidecar_compression_info')
  return { chosen, lines, info }
}

describe('the choice of what compresses', () => {
  for (const compression of ['auto', 'isal'] as const) {
    it(`is ISA-L for ${compression}, when it works, and is told once`, async () => {
      const { chosen, lines, info } = await choose(compression, async () => working)
      assert.equal(chosen, working)
      assert.match(info, /^sidecar_compression_info\{engine="isal"\} 1$/m)
      assert.doesNotMatch(info, /zlib"/)
      assert.equal(lines.length, 1)
      assert.deepEqual(
        [lines[0]?.['event'], lines[0]?.['engine'], lines[0]?.['library'], lines[0]?.['why']],
        ['compression.chosen', 'isal', 'libisal.so.2', undefined],
      )
    })
  }

  it('is zlib for auto, when ISA-L is not there, with why and what to install', async () => {
    const { chosen, lines, info } = await choose('auto', notThere)
    assert.equal(chosen, zlibCompressor)
    assert.match(info, /^sidecar_compression_info\{engine="zlib"\} 1$/m)
    assert.equal(lines.length, 1)
    assert.equal(lines[0]?.['why'], 'libisal.so.2: cannot open shared object file')
    assert.match(lines[0]?.['msg'] ?? '', /libisal2.*isa-l/)
  })

  it('is zlib for zlib, and nothing else is touched', async () => {
    let isOpened = false
    const { chosen, lines, info } = await choose('zlib', async () => {
      isOpened = true
      return working
    })
    assert.equal(chosen, zlibCompressor)
    assert.equal(isOpened, false)
    assert.match(info, /engine="zlib"\} 1$/m)
    assert.equal(lines[0]?.['why'], undefined)
  })

  it('fails for isal, when it is not there, and says what to install or to set', async () => {
    await assert.rejects(choose('isal', notThere), (error) => {
      assert(error instanceof SidecarError)
      assert.equal(error.code, 'COMPRESSION_UNAVAILABLE')
      assert.equal(error.disposition, 'fatal')
      assert.match(error.message, /cannot open shared object file.*libisal2.*isa-l.*koffi.*auto or zlib/)
      return true
    })
  })

  for (const [name, compressWrongly] of Object.entries(broken)) {
    it(`finds out an ISA-L that gives ${name}`, async () => {
      const open = async () => ({ ...working, compress: compressWrongly })
      const { chosen, lines } = await choose('auto', open)
      assert.equal(chosen, zlibCompressor)
      assert.notEqual(lines[0]?.['why'], undefined)
      await assert.rejects(choose('isal', open), { code: 'COMPRESSION_UNAVAILABLE' })
    })
  }
})
