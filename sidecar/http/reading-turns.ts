import type { Clock } from '../core/ports.ts'
import { limits } from '../core/limits.ts'

/** A place among the bodies that are in memory; to be left once. */
export interface Turn {
  leave(): void
}

type Waiting = { readonly bytesCount: number; readonly admit: () => void }

/**
 * Lets large bodies be read a few at a time, however many connections send: the others wait in the socket, where they take no memory of ours. More
 * at once would not be faster, since they wait for the same cores.
 *
 * It slows nobody down for long: a body that comes slowly stops counting, and whoever waited for a second is let in. What memory may be taken at
 * most is for `Budget` to say.
 */
export class ReadingTurns {
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #waiting = new Set<Waiting>()
  #bytesCount = 0

  constructor(clock: Clock, maxBytes: number = limits.bodiesReadAtOnceBytes) {
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  enter(bytesCount: number): Promise<Turn> {
    if (bytesCount < limits.smallBodyBytes) return Promise.resolve(freeTurn)
    if (this.#waiting.size === 0 && this.#hasRoom(bytesCount)) return Promise.resolve(this.#begin(bytesCount))
    const { promise, resolve } = Promise.withResolvers<Turn>()
    const admit = () => {
      timer.cancel()
      this.#waiting.delete(waiting)
      resolve(this.#begin(bytesCount))
    }
    const waiting = { bytesCount, admit }
    const timer = this.#clock.after(limits.overloadHoldMs, admit)
    this.#waiting.add(waiting)
    return promise
  }

  #begin(bytesCount: number): Turn {
    this.#bytesCount += bytesCount
    let isCounted = true
    const leave = () => {
      if (!isCounted) return
      isCounted = false
      timer.cancel()
      this.#bytesCount -= bytesCount
      for (const waiting of this.#waiting) {
        if (!this.#hasRoom(waiting.bytesCount)) return
        waiting.admit()
      }
    }
    const timer = this.#clock.after(limits.slowBodyMs, leave)
    return { leave }
  }

  #hasRoom(bytesCount: number): boolean {
    return this.#bytesCount === 0 || this.#bytesCount + bytesCount <= this.#maxBytes
  }
}

const freeTurn: Turn = { leave: () => undefined }
