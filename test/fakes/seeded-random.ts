import type { Random } from '../../sidecar/core/ports.ts'

/** Random whose whole sequence follows from one 32-bit seed (mulberry32), so that a failing run can be repeated. */
export class SeededRandom implements Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  hex(bytesCount: number): string {
    return Array.from({ length: bytesCount }, () => this.integer(256).toString(16).padStart(2, '0')).join('')
  }

  /** A whole number from 0 to `limit - 1`. */
  integer(limit: number): number {
    return Math.floor(this.next() * limit)
  }
}
