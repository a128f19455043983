/**
 * How long a start takes with much in the journal: from the lock until requests could be accepted, how much is read and written for that,
 * and how much memory it takes.
 *
 *   node test/bench/journal-open.ts [--gb 1] [--batches 200] [--open 8] [--requests 10] [--dir /tmp]
 *
 * The journal is made by the store itself: frames of 100 KB that do not compress, each of `--requests` requests. `--open` of the batches stay
 * without a seal, as after kill -9. Each start is a process of its own and finds nothing in the cache of the kernel (which takes dd of GNU). The
 * files are removed afterwards.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { File, FileSystem } from '../../sidecar/core/ports.ts'
import { systemFileSystem } from '../../sidecar/platform/file-system.ts'
import { aDestination } from '../helpers/batches.ts'
import { aSlice, exactlyOnce } from '../helpers/requests.ts'
import { fillJournal, rememberAll, startStore } from './fill-journal.ts'

const { values } = parseArgs({
  options: {
    gb: { type: 'string', default: '1' },
    batches: { type: 'string', default: '200' },
    open: { type: 'string', default: '8' },
    requests: { type: 'string', default: '10' },
    dir: { type: 'string', default: tmpdir() },
    /** For the process that starts on it. */
    measure: { type: 'string' },
  },
})
const batchesCount = Number(values.batches)
const openCount = Number(values.open)
const mb = (bytes: number) => (bytes / 1e6).toFixed(1)

if (values.measure !== undefined) await measure(values.measure)
else {
  const directory = await mkdtemp(join(values.dir, 'journal-open-'))
  try {
    await fill(directory)
    for (const name of ['after kill -9', 'once more']) {
      await dropFromCache(directory)
      const child = [fileURLToPath(import.meta.url), '--measure', directory]
      console.log(`${name}: ${execFileSync(process.execPath, child).toString().trim()}`)
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

async function fill(directory: string): Promise<void> {
  const startedAt = performance.now()
  const options = {
    gb: Number(values.gb),
    batchesCount,
    openCount,
    requestsPerFrame: Number(values.requests),
  }
  const { bytesCount, requestsCount } = await fillJournal(directory, options)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  console.log(
    `${mb(bytesCount)} MB in ${batchesCount} batches, ${openCount} of them open, ${requestsCount} requests; made in ${seconds} s`,
  )
}

async function measure(directory: string): Promise<void> {
  const counts = { read: 0, written: 0 }
  let requestsCount = 0
  const rssBefore = process.memoryUsage.rss()
  const startedAt = performance.now()
  const ledger = rememberAll((count) => (requestsCount += count))
  const store = await startStore(directory, counting(counts), ledger)
  const batches = await store.recover()
  const readyMs = performance.now() - startedAt
  const { read, written } = counts
  const batch = await store.open(aDestination(), exactlyOnce)
  await batch.append({
    recordCount: 1,
    rawBytes: 3,
    rawCrc32: 1,
    payload: Buffer.alloc(100),
    requests: [aSlice(0)],
  })
  await batch.sync()
  const firstMs = performance.now() - startedAt
  const rss = process.resourceUsage().maxRSS * 1024
  console.log(
    `ready in ${readyMs.toFixed(0)} ms, first request synced after ${firstMs.toFixed(0)} ms; read ${mb(read)} MB, wrote ${mb(written)} MB; ${batches.length} batches, ${requestsCount} requests remembered; RSS ${mb(rss)} MB at most, ${mb(rssBefore)} MB before`,
  )
  await batch.seal()
  await store.close()
}

/** The real disk, with a count of the bytes that go over it. */
function counting(counts: { read: number; written: number }): FileSystem {
  return {
    ...systemFileSystem,
    async open(path, mode) {
      const file = await systemFileSystem.open(path, mode)
      const counted: Pick<File, 'read' | 'write'> = {
        async read(buffer, position) {
          const bytesRead = await file.read(buffer, position)
          counts.read += bytesRead
          return bytesRead
        },
        async write(buffers, position) {
          await file.write(buffers, position)
          counts.written += buffers.reduce((sum, { length }) => sum + length, 0)
        },
      }
      return {
        ...counted,
        sync: () => file.sync(),
        truncate: (length) => file.truncate(length),
        size: () => file.size(),
        identity: () => file.identity(),
        close: () => file.close(),
      }
    },
  }
}

async function dropFromCache(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    execFileSync('dd', [`if=${join(directory, name)}`, 'iflag=nocache', 'count=0', 'status=none'])
}
