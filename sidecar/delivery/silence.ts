/**
 * For how long Kusto has answered that it knows nothing of how a message ended. Time in which it did not answer is no silence: when a
 * question failed, the time around it does not count, so that an outage of Kusto never looks like a lost message.
 */
export class Silence {
  #totalMs: number
  #lastAnswerMs: number
  #isInterrupted = false

  /** `earlierMs`: silence before this process. */
  constructor(nowMs: number, earlierMs = 0) {
    this.#totalMs = earlierMs
    this.#lastAnswerMs = nowMs
  }

  get totalMs(): number {
    return this.#totalMs
  }

  /** The answer was: nothing known. */
  lasts(nowMs: number): void {
    if (!this.#isInterrupted) this.#totalMs += Math.max(0, nowMs - this.#lastAnswerMs)
    this.#lastAnswerMs = nowMs
    this.#isInterrupted = false
  }

  /** A question failed. */
  interrupt(): void {
    this.#isInterrupted = true
  }
}
