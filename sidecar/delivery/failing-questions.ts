import type { Clock } from '../core/ports.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'

/** Logs questions that fail, all batches together, seldom: with Kusto away thousands of them fail, and each is asked again. */
export class FailingQuestions {
  readonly #clock: Clock
  readonly #log: Log
  #loggedAtMs: number | undefined
  #count = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  note(batchId: string, destination: string, error: unknown): void {
    this.#count += 1
    const nowMs = this.#clock.monotonic()
    if (this.#loggedAtMs !== undefined && nowMs - this.#loggedAtMs < limits.questionLogIntervalMs) return
    const failedQuestions = this.#count
    this.#loggedAtMs = nowMs
    this.#count = 0
    this.#log.warn(
      { event: 'batch.question_failed', batchId, destination, code: codeOf(error), failedQuestions },
      `What became of an ingestion could not be asked: ${messageOf(error)} It is asked again; nothing is sent again for this.`,
    )
  }
}
