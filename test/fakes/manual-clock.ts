import type { Clock, Timer } from '../../sidecar/core/ports.ts'

type Waiting = { readonly dueMs: number; readonly sequence: number; readonly callback: () => void }

/**
 * A Clock whose time stands still until a test moves it.
 *
 * Timers that are due fire in order of their time, then of their creation, and see `now()` as it is at that moment. A delay of
 * zero or less fires at the next `advance`, even `advance(0)`, and never inside `after` itself.
 */
export class ManualClock implements Clock {
  #monotonicMs = 0
  #wallOffsetMs: number
  #sequence = 0
  readonly #waiting = new Set<Waiting>()

  /** `startMs` is what `now()` says at first; by default 2026-01-02T03:04:05Z. */
  constructor(startMs: number = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.#wallOffsetMs = startMs
  }

  now(): number {
    return this.#wallOffsetMs + this.#monotonicMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, callback: () => void): Timer {
    this.#sequence += 1
    const waiting = { dueMs: this.#monotonicMs + Math.max(0, delayMs), sequence: this.#sequence, callback }
    this.#waiting.add(waiting)
    return { cancel: () => void this.#waiting.delete(waiting) }
  }

  /** Timers that have neither fired nor been cancelled: zero after a clean close. */
  get timersCount(): number {
    return this.#waiting.size
  }

  /** Moves time forward and fires what becomes due, without letting promises settle in between. */
  advance(ms: number): void {
    const target = this.#monotonicMs + ms
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) this.#fire(next)
    this.#monotonicMs = target
  }

  /** As `advance`, but settles pending promises before, between and after the timers, as a real event loop would. */
  async advanceAndSettle(ms: number): Promise<void> {
    const target = this.#monotonicMs + ms
    await settle()
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) {
      this.#fire(next)
      await settle()
    }
    this.#monotonicMs = target
    await settle()
  }

  /** Sets the wall clock forwards or backwards, as NTP or an operator does; timers and `monotonic` do not notice. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms
  }

  #fire(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    this.#monotonicMs = Math.max(this.#monotonicMs, waiting.dueMs)
    waiting.callback()
  }

  #nextDue(targetMs: number): Waiting | undefined {
    let next: Waiting | undefined
    for (const candidate of this.#waiting) {
      if (candidate.dueMs > targetMs) continue
      if (next === undefined || isBefore(candidate, next)) next = candidate
    }
    return next
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.dueMs === b.dueMs ? a.sequence < b.sequence : a.dueMs < b.dueMs
}

/** Lets every promise settle that needs no I/O and no timer. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
