import type { Clock } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

/** A share of the budget that grows with its request and is given back at its end. */
export interface Lease {
  /** Takes more; waits a little for room, then rejects with HTTP_OVERLOADED. */
  take(amount: number): Promise<void>
  /** Whether `take` would have to wait. */
  hasRoom(amount: number): boolean
  /** Counts what is in use already, whether there is room or not, so that others wait. */
  count(amount: number): void
  release(): void
}

type Waiting = { readonly amount: number; readonly admit: () => void }

export type BudgetOptions = {
  readonly max: number
  readonly clock: Clock
  readonly onChange: (used: number) => void
  /** A sentence that says what is used up, for the sender who is sent away. */
  readonly describe: (used: number, max: number) => string
}

/**
 * Bounds what requests take of one thing: bytes in memory, or places. Who finds no room waits for a moment in line, because most
 * requests are through in milliseconds, and is then told to come back. One request is always let in, however large, or it could
 * never be served.
 */
export class Budget {
  readonly #options: BudgetOptions
  readonly #waiting = new Set<Waiting>()
  #used = 0

  constructor(options: BudgetOptions) {
    this.#options = options
  }

  lease(): Lease {
    let held = 0
    return {
      take: async (amount) => {
        if (!this.#hasRoom(amount, held)) await this.#waitFor(amount)
        else this.#change(amount)
        held += amount
      },
      hasRoom: (amount) => this.#hasRoom(amount, held),
      count: (amount) => {
        this.#change(amount)
        held += amount
      },
      release: () => {
        this.#change(-held)
        held = 0
        this.#admitWaiting()
      },
    }
  }

  #hasRoom(amount: number, held: number): boolean {
    const isAlone = this.#used === held
    return isAlone || (this.#waiting.size === 0 && this.#used + amount <= this.#options.max)
  }

  async #waitFor(amount: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { amount, admit: resolve }
    this.#waiting.add(waiting)
    const timer = this.#options.clock.after(limits.overloadHoldMs, () => {
      this.#waiting.delete(waiting)
      // Smaller requests behind it may fit.
      this.#admitWaiting()
      const message = `${this.#options.describe(this.#used, this.#options.max)} Send it again.`
      reject(new SidecarError('HTTP_OVERLOADED', message))
    })
    await promise.finally(() => timer.cancel())
  }

  #admitWaiting(): void {
    for (const waiting of this.#waiting) {
      if (this.#used > 0 && this.#used + waiting.amount > this.#options.max) return
      this.#waiting.delete(waiting)
      this.#change(waiting.amount)
      waiting.admit()
    }
  }

  #change(amount: number): void {
    this.#used += amount
    this.#options.onChange(this.#used)
  }
}
