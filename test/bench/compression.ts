/**
 * What it costs to compress records by zlib and by ISA-L, as the batcher does it: groups of one size, four in flight.
 *
 *   node test/bench/compression.ts [--mb 64] [--runs 3] [--in-flight 4]
 *
 * The records are the mix of `corpus.ts`, the same at each run. MB are of uncompressed bytes. "A core" is by the CPU time of the whole process, threads and collector included; the
 * best of `--runs` counts. "Loop" is the share of the time in which the event loop was busy.
 */
import { parseArgs } from 'node:util'
import type { Compressor } from '../../sidecar/compress/compressor.ts'
import { IsalCompressor } from '../../sidecar/compress/isal-compressor.ts'
import { loadIsal } from '../../sidecar/compress/isal-library.ts'
import { selfTest } from '../../sidecar/compress/self-test.ts'
import { zlibCompressor } from '../../sidecar/compress/zlib-compressor.ts'
import { Corpus } from './corpus.ts'

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '64' },
    runs: { type: 'string', default: '3' },
    'in-flight': { type: 'string', default: '4' },
  },
})
const inFlight = Number(values['in-flight'])

const loadingAt = performance.now()
const library = await loadIsal()
const isal = new IsalCompressor(library, zlibCompressor.compress)
const loadedMs = performance.now() - loadingAt
await selfTest(isal)
const testedMs = performance.now() - loadingAt - loadedMs
console.log(`${isal.library}: loaded in ${loadedMs.toFixed(1)} ms, tested in ${testedMs.toFixed(1)} ms`)

const engines: readonly (readonly [string, Compressor])[] = [
  ['zlib 1', zlibCompressor],
  ['isal 1', new IsalCompressor(library, zlibCompressor.compress, 1)],
  ['isal 2', isal],
]
const corpus = new Corpus('mix', 1).body('ndjson', Number(values.mb) * 1e6).bytes
console.log('engine      group   ratio   MB/s   MB/s a core   CPU s/GB   CPU us a group   loop')
for (const size of [2_000, 16_000, 64_000, 256_000, 1_000_000]) {
  for (const [name, compressor] of engines) console.log(await measure(name, compressor, size))
}

async function measure(name: string, compressor: Compressor, size: number): Promise<string> {
  // As many groups as take a second or so; each is a view of the corpus, as a block is a view of a body.
  const count = Math.min(Math.floor(corpus.length / size), 5_000)
  const groups = Array.from({ length: count }, (_, n) => corpus.subarray(n * size, (n + 1) * size))
  let best = { cpu: Infinity, wall: Infinity, loop: 0, compressedBytes: 0 }
  for (let run = 0; run < Number(values.runs); run += 1) {
    const cpuBefore = process.cpuUsage()
    const loopBefore = performance.eventLoopUtilization()
    const startedAt = performance.now()
    const compressedBytes = await compressAll(compressor, groups)
    const wall = (performance.now() - startedAt) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    const loop = performance.eventLoopUtilization(loopBefore).utilization
    const cpu = (user + system) / 1e6
    if (cpu < best.cpu) best = { cpu, wall, loop, compressedBytes }
  }
  const bytes = size * count
  return [
    name.padEnd(6),
    `${size}`.padStart(10),
    (bytes / best.compressedBytes).toFixed(2).padStart(7),
    (bytes / 1e6 / best.wall).toFixed(0).padStart(6),
    (bytes / 1e6 / best.cpu).toFixed(0).padStart(13),
    (best.cpu / (bytes / 1e9)).toFixed(2).padStart(10),
    ((best.cpu / count) * 1e6).toFixed(0).padStart(16),
    `${(best.loop * 100).toFixed(0)} %`.padStart(6),
  ].join(' ')
}

async function compressAll({ compress }: Compressor, groups: readonly Buffer[]): Promise<number> {
  let next = 0
  let compressedBytes = 0
  const work = async () => {
    for (;;) {
      const group = groups[next]
      next += 1
      if (group === undefined) return
      const piece = await compress(group)
      compressedBytes += piece.length
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  return compressedBytes
}
