/** Letters, a store that keeps them on a disk in memory, and what is then on that disk. */
import type { DeadLetter, FileSystem } from '../../../sidecar/core/ports.ts'
import {
  DeadLetterStore,
  type DeadLetterStoreOptions,
} from '../../../sidecar/dead-letter/dead-letter-store.ts'
import type { LetterLine } from '../../../sidecar/dead-letter/letter-line.ts'
import { newReading, readLetters } from '../../../sidecar/dead-letter/read-letters.ts'
import { silentLog } from '../../../sidecar/observability/log.ts'
import { createMetrics } from '../../../sidecar/observability/metrics.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'

export const directory = '/dead'

export function aLetter(bytes: Buffer | string, overrides: Partial<DeadLetter> = {}): DeadLetter {
  return {
    code: 'DECODE_NOT_JSON',
    reason: 'why',
    destination: 'Logs.App',
    origin: { kind: 'request', head: { path: '/ingest/Logs/App' } },
    bytes: Buffer.from(bytes),
    ...overrides,
  }
}

export async function start(
  fileSystem: FileSystem,
  overrides: Partial<DeadLetterStoreOptions> = {},
): Promise<DeadLetterStore> {
  const store = new DeadLetterStore({
    directory,
    maxDiskBytes: 1_000_000,
    whenFull: 'backpressure',
    takenIsDurableAfterMs: 0,
    fileSystem,
    clock: new ManualClock(),
    log: silentLog(),
    metrics: createMetrics(),
    ...overrides,
  })
  await store.start()
  return store
}

export async function linesIn(fileSystem: FileSystem): Promise<LetterLine[]> {
  const lines: LetterLine[] = []
  for await (const { line } of readLetters(fileSystem, directory, {}, newReading())) lines.push(line)
  return lines
}

export async function recordsIn(fileSystem: FileSystem): Promise<(string | undefined)[]> {
  return (await linesIn(fileSystem)).map((line) => line.record)
}
