import assert from 'node:assert/strict'
import type { Clock, Timer } from '../core/ports.ts'

export type QuestionLimits = { readonly maxInFlight: number; readonly perSecond: number }

type Question = { readonly dueMs: number; readonly sequence: number; readonly ask: () => Promise<void> }

/**
 * Asks questions when they are due, with a bound on how many at once and on how many a second, evenly spread: after a restart
 * thousands are due in the same moment. The one that has been due for longest is asked first, so none is passed over, and
 * there is one timer, however many wait.
 */
export class QuestionQueue {
  readonly #clock: Clock
  readonly #maxInFlight: number
  readonly #spacingMs: number
  /** A binary heap: each question is due no earlier than the one at half its place. */
  readonly #heap: Question[] = []
  #sequence = 0
  #inFlight = 0
  #nextSlotMs = 0
  #timer: { readonly atMs: number; readonly timer: Timer } | undefined
  #isStopped = false

  constructor(clock: Clock, { maxInFlight, perSecond }: QuestionLimits) {
    assert(maxInFlight > 0)
    assert(perSecond > 0)
    this.#clock = clock
    this.#maxInFlight = maxInFlight
    this.#spacingMs = 1000 / perSecond
  }

  /** Calls `ask` once, not before `dueMs` of the monotonic clock. `ask` must not reject. */
  add(dueMs: number, ask: () => Promise<void>): void {
    this.#push({ dueMs, sequence: (this.#sequence += 1), ask })
    this.#pump()
  }

  /** Asks nothing more. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.timer.cancel()
    this.#timer = undefined
  }

  #pump(): void {
    while (!this.#isStopped && this.#inFlight < this.#maxInFlight) {
      const [first] = this.#heap
      if (first === undefined) return
      const nowMs = this.#clock.monotonic()
      const startMs = Math.max(first.dueMs, this.#nextSlotMs)
      if (startMs > nowMs) {
        this.#wakeAt(startMs, nowMs)
        return
      }
      this.#nextSlotMs = nowMs + this.#spacingMs
      this.#pop()
      this.#inFlight += 1
      void first.ask().finally(() => {
        this.#inFlight -= 1
        this.#pump()
      })
    }
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return
    this.#timer?.timer.cancel()
    const timer = this.#clock.after(Math.ceil(atMs - nowMs), () => {
      this.#timer = undefined
      this.#pump()
    })
    this.#timer = { atMs, timer }
  }

  #push(question: Question): void {
    let at = this.#heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = this.#heap[above]
      if (parent === undefined || !isBefore(question, parent)) break
      this.#heap[at] = parent
      at = above
    }
    this.#heap[at] = question
  }

  /** Removes the first. */
  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    let at = 0
    for (;;) {
      const left = this.#heap[2 * at + 1]
      const right = this.#heap[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const least = isRight ? right : left
      if (!isBefore(least, last)) break
      this.#heap[at] = least
      at = 2 * at + (isRight ? 2 : 1)
    }
    this.#heap[at] = last
  }
}

function isBefore(a: Question, b: Question): boolean {
  return a.dueMs === b.dueMs ? a.sequence < b.sequence : a.dueMs < b.dueMs
}
