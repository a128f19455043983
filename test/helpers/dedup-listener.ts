import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { BodyMemoryPool } from '../../sidecar/http/body-memory.ts'
import { Deduplication, type DeduplicationOptions } from '../../sidecar/http/deduplication.ts'
import { Ingest } from '../../sidecar/http/ingest.ts'
import { HttpServer } from '../../sidecar/http/server.ts'
import { MemoryLedger } from '../../sidecar/ledger/memory-ledger.ts'
import { createLog } from '../../sidecar/observability/log.ts'
import { createMetrics } from '../../sidecar/observability/metrics.ts'
import type { RequestMark } from '../../sidecar/core/request-slice.ts'
import { systemClock } from '../../sidecar/platform/clock.ts'
import { systemFileSystem as fileSystem } from '../../sidecar/platform/file-system.ts'
import { systemRandom as random } from '../../sidecar/platform/random.ts'
import { onCleanup } from './cleanup.ts'

export type DedupListenerOptions = Partial<Pick<DeduplicationOptions, 'mode' | 'forgetWhenRead'>> & {
  readonly isDedupOn?: boolean
  readonly joinIdenticalRequests?: boolean
}

/** A real listener in front of a store that takes each body as one record, and remembers marks as the journal does. */
export async function startDedupListener(t: TestContext, options: DedupListenerOptions = {}) {
  const {
    mode = 'auto',
    forgetWhenRead = 'loopback',
    isDedupOn = true,
    joinIdenticalRequests = true,
  } = options
  let skippedMs = 0
  const clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + skippedMs,
    /** Time passes, without any timer. */
    advance: (ms: number) => {
      skippedMs += ms
    },
  }
  const metrics = createMetrics()
  const logLines: string[] = []
  const log = await createLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => void logLines.push(line) },
  )
  const ledger = new MemoryLedger({ maxKeys: 1_000, windowMs: 3_600_000, clock, metrics, log })
  const dedup = isDedupOn
    ? new Deduplication({ mode, forgetWhenRead, fingerprint: 7, ledger, random, clock, log, metrics })
    : undefined
  const state = {
    /** Bodies in the order in which they were stored. */
    stored: [] as string[],
    marks: [] as (RequestMark | undefined)[],
    /** Called once a body is stored and before it is answered. */
    beforeAnswer: async (): Promise<void> => undefined,
    /** Called before a body is stored. */
    beforeStore: async (): Promise<void> => undefined,
  }
  const ingest = new Ingest({
    bodyIntake: {
      take: async (body, _head, _room, mark) => {
        state.marks.push(mark)
        await state.beforeStore()
        state.stored.push(body.toString())
        const slice = { part: 0, partCount: 1, partRecords: 1, firstRecord: 0, recordCount: 1 }
        if (mark !== undefined) ledger.store([{ ...mark, ...slice }])
        await state.beforeAnswer()
        return { records: 1, deadLetters: 0 }
      },
    },
    bodyMemory: new BodyMemoryPool(),
    maxBodyBytes: 1_000_000,
    maxInFlightBytes: 100_000_000,
    maxInFlightRequests: 1_000,
    joinIdenticalRequests,
    dedup,
    clock,
    metrics,
  })
  const server = await HttpServer.start({
    ingest,
    tagHeader: 'X-Tag',
    auth: { type: 'none' },
    tls: undefined,
    reasonsNotReady: () => [],
    beforeScrape: () => undefined,
    registry: metrics.registry,
    fileSystem,
    clock,
    log,
    metrics,
  })
  onCleanup(t, () => server.close())
  const { port } = await server.listen('127.0.0.1', 0)
  const repeatedCount = async () => {
    const { values } = await metrics.httpRepeatedRequests.get()
    return values[0]?.value ?? assert.fail()
  }
  return { port, state, ledger, logLines, repeatedCount, metrics, clock }
}
