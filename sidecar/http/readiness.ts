import type { Clock } from '../core/ports.ts'

export type ReadinessOptions = {
  readonly clock: Clock
  /** What else is wrong, each a sentence; empty when nothing is. */
  readonly otherReasons: () => string[]
}

/** How long a request that was sent away makes the sidecar not ready. */
const storageTroubleMs = 30_000

/** Why the sidecar should not be sent requests. */
export class Readiness {
  isDraining = false
  readonly #options: ReadinessOptions
  /** Why requests were sent away lately for want of room or a working disk. */
  #storageTrouble: { readonly message: string; readonly atMs: number } | undefined

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  noteStorageTrouble(message: string): void {
    this.#storageTrouble = { message, atMs: this.#options.clock.monotonic() }
  }

  /** Each a sentence; empty when it is ready. */
  reasons(): string[] {
    if (this.isDraining) return ['The sidecar is shutting down.']
    return [...this.#options.otherReasons(), ...this.#storageReasons()]
  }

  /** Only lately: where readiness decides who gets requests, somebody has to try again. */
  #storageReasons(): string[] {
    const trouble = this.#storageTrouble
    if (trouble === undefined || this.#options.clock.monotonic() - trouble.atMs > storageTroubleMs) return []
    return [trouble.message]
  }
}
