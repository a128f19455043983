import type { Clock } from '../core/ports.ts'

const minIntervalMs = 10_000

/** Lets something be said at once, and then not again for 10 s: a sender that is wrong is wrong many times a second. */
export class Seldom {
  readonly #clock: Clock
  #saidAtMs: number | undefined
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `tell` is given how many there were since it was called last, this one included. */
  note(tell: (count: number) => void): void {
    this.#count += 1
    const nowMs = this.#clock.monotonic()
    if (this.#saidAtMs !== undefined && nowMs - this.#saidAtMs < minIntervalMs) return
    this.#saidAtMs = nowMs
    const count = this.#count
    this.#count = 0
    tell(count)
  }
}
