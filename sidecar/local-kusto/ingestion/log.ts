/** The last ingestions, for `.show ingestion failures` and for tests that wait. */
import type { IngestionFailureRecord } from '../commands/context.ts'
import { ticksFromUnixMs } from '../engine/ticks.ts'
import type { Ingestion } from './consumer.ts'

const maxKept = 1_000
const defaultTimeoutMs = 20_000

export type IngestionLog = {
  readonly ingestions: readonly Ingestion[]
  readonly failures: readonly IngestionFailureRecord[]
  totalCount(): number
  add(ingestion: Ingestion): void
  /** Resolves when `missing` gives undefined, asked after each ingestion; rejects with its text when it takes longer. */
  wait(timeoutMs: number | undefined, missing: () => string | undefined): Promise<void>
}

export function createIngestionLog(): IngestionLog {
  const ingestions: Ingestion[] = []
  const failures: IngestionFailureRecord[] = []
  const waiting = new Set<() => void>()
  let total = 0
  return {
    ingestions,
    failures,
    totalCount: () => total,
    add: (ingestion) => {
      total += 1
      ingestions.push(ingestion)
      if (ingestions.length > maxKept) ingestions.shift()
      const failure = failureOf(ingestion)
      if (failure !== undefined) failures.push(failure)
      if (failures.length > maxKept) failures.shift()
      for (const check of waiting) check()
    },
    wait: (timeoutMs = defaultTimeoutMs, missing) =>
      new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          clearTimeout(timer)
          waiting.delete(check)
          finish()
        }
        const check = (): void => {
          if (missing() === undefined) settle(resolve)
        }
        const timer = setTimeout(() => {
          settle(() => {
            reject(new Error(`Waited ${timeoutMs} ms: ${missing() ?? 'it came just now'}`))
          })
        }, timeoutMs)
        waiting.add(check)
        check()
      }),
  }
}

function failureOf({ message, outcome }: Ingestion): IngestionFailureRecord | undefined {
  if (outcome.status === 'Succeeded' || outcome.errorCode.endsWith('IngestByTagAlreadyExists'))
    return undefined
  return {
    sourceId: message?.sourceId ?? '',
    database: message?.database ?? '',
    table: message?.table ?? '',
    failedOnTicks: ticksFromUnixMs(Date.now()),
    errorCode: outcome.errorCode,
    failureStatus: outcome.failureStatus,
    details: outcome.details,
    sourcePath: message?.blobUrl.split('?')[0] ?? '',
  }
}
