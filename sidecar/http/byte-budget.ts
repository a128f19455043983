import type { Clock } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

/** A share of the budget that grows with its request and is given back at its end. */
export interface ByteLease {
  /** Takes more; waits a little for room, then rejects with HTTP_OVERLOADED. */
  take(bytesCount: number): Promise<void>
  release(): void
}

type Waiting = { readonly bytesCount: number; readonly admit: () => void }

/**
 * Bounds the bytes of bodies in memory. Who finds no room waits for a moment in line, because most requests are through in
 * milliseconds, and is then told to come back. One request is always let in, however large, or it could never be served.
 */
export class ByteBudget {
  readonly #maxBytes: number
  readonly #clock: Clock
  readonly #onChange: (usedBytes: number) => void
  readonly #waiting = new Set<Waiting>()
  #usedBytes = 0

  constructor(maxBytes: number, clock: Clock, onChange: (usedBytes: number) => void) {
    this.#maxBytes = maxBytes
    this.#clock = clock
    this.#onChange = onChange
  }

  lease(): ByteLease {
    let held = 0
    return {
      take: async (bytesCount) => {
        if (!this.#hasRoom(bytesCount, held)) await this.#waitFor(bytesCount)
        else this.#change(bytesCount)
        held += bytesCount
      },
      release: () => {
        this.#change(-held)
        held = 0
        this.#admitWaiting()
      },
    }
  }

  #hasRoom(bytesCount: number, held: number): boolean {
    const isAlone = this.#usedBytes === held
    return isAlone || (this.#waiting.size === 0 && this.#usedBytes + bytesCount <= this.#maxBytes)
  }

  async #waitFor(bytesCount: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { bytesCount, admit: resolve }
    this.#waiting.add(waiting)
    const timer = this.#clock.after(limits.overloadHoldMs, () => {
      this.#waiting.delete(waiting)
      // Smaller requests behind it may fit.
      this.#admitWaiting()
      const message = `Requests in work hold ${this.#usedBytes} bytes, and server.max_in_flight_mb is ${this.#maxBytes} bytes. Send it again.`
      reject(new SidecarError('HTTP_OVERLOADED', message))
    })
    await promise.finally(() => timer.cancel())
  }

  #admitWaiting(): void {
    for (const waiting of this.#waiting) {
      if (this.#usedBytes > 0 && this.#usedBytes + waiting.bytesCount > this.#maxBytes) return
      this.#waiting.delete(waiting)
      this.#change(waiting.bytesCount)
      waiting.admit()
    }
  }

  #change(bytesCount: number): void {
    this.#usedBytes += bytesCount
    this.#onChange(this.#usedBytes)
  }
}
