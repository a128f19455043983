import assert from 'node:assert/strict'
import { runJournal } from '../../../sidecar/commands/journal.ts'
import { parseArguments } from '../../../sidecar/config/arguments.ts'
import type { FileSystem, Frame, SealedBatch } from '../../../sidecar/core/ports.ts'
import { settledWhenQueued, type Settlement } from '../../../sidecar/core/settlement.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { NaiveLedger } from '../../fakes/naive-ledger.ts'
import { aDestination, aFrame } from '../../helpers/batches.ts'
import { directory, startStore, type Started } from '../../helpers/journal.ts'
import { aSlice, exactlyOnce } from '../../helpers/requests.ts'

/** Runs the words behind `kusto-sidecar journal`. */
export async function run(words: readonly string[], fileSystem: FileSystem, clock = new ManualClock()) {
  const command = parseArguments(['journal', ...words])
  assert(command.name === 'journal inspect' || command.name === 'journal verify')
  let output = ''
  const write = async (text: string) => {
    output += text
  }
  const exitCode = await runJournal(command, { fileSystem, clock, env: {}, write })
  assert(!output.includes('SECRET'), 'records are not shown')
  return { exitCode, output }
}

/** Frames with requests. */
export const secretFrames: readonly Frame[] = [1, 2, 3].map((n) => ({
  ...aFrame([`{"n":${n},"x":"SECRET"}`, `{"n":${n}.5,"x":"SECRET"}`]),
  requests: [aSlice(n, { recordCount: 2, partRecords: 2 })],
}))

export async function fill(
  { store }: Pick<Started, 'store'>,
  table: string,
  settlement: Settlement = settledWhenQueued,
) {
  const open = await store.open(aDestination({ table }), settlement)
  for (const frame of secretFrames) await open.append(frame)
  return open
}

export type Somewhere = { disk: MemoryFileSystem; started: Started; sealed: SealedBatch }

/** A batch of each guarantee, one of them open; one was settled, so that there are keys; all by a sidecar that still runs. */
export async function somewhere(): Promise<Somewhere> {
  const disk = new MemoryFileSystem()
  const ledger = new NaiveLedger()
  ledger.store(secretFrames.flatMap(({ requests }) => requests))
  const started = await startStore(disk, { ledger })
  const settled = await (await fill(started, 'Gone')).seal()
  await settled?.remove()
  const sealed = await (await fill(started, 'App', exactlyOnce)).seal()
  assert(sealed !== undefined)
  await (await fill(started, 'App')).seal()
  await (await fill(started, 'Other', { ...settledWhenQueued, isPolled: true })).sync()
  await sealed.recordSending({
    number: 3,
    blob: { url: 'https://a.blob.core.windows.net/container/blob.3.json.gz?sig=SECRET' },
    startedAtMs: Date.UTC(2026, 0, 2),
  })
  return { disk, started, sealed }
}

export async function pathOf(disk: MemoryFileSystem, ending: string): Promise<string> {
  const name = (await disk.list(directory)).find((one) => one.endsWith(ending))
  assert(name !== undefined, `a file that ends with ${ending}`)
  return `${directory}/${name}`
}
