import assert from 'node:assert/strict'
import type { RequestKey } from '../core/request-slice.ts'

const wordsPerKey = 4
const initialCapacity = 1_024
/** Stands in `#ticks` for an entry that was deleted. */
const deleted = 0xffff_ffff

/**
 * Request keys in the order in which they were added, each with a time, in flat arrays: 28 to 75 bytes for a key, 37 measured with
 * 200,000 of them. A Map of the same keys as text takes 85 to 122 bytes for each, keeps the garbage collector busy, and finds its
 * oldest entry only behind all that were deleted before (80 microseconds at this size).
 *
 * Entries lie in a ring, the oldest first; `#places` is a hash table of their positions with linear probing. Keys are hashes
 * themselves, so that their first bytes serve as the hash.
 */
export class KeyTable {
  #capacity = initialCapacity
  #keys = new Uint32Array(initialCapacity * wordsPerKey)
  #ticks = new Uint32Array(initialCapacity)
  /** Position in the ring plus 1; 0 is free. */
  #places = new Uint32Array(initialCapacity * 2)
  #head = 0
  /** Of the ring, with deleted ones. */
  #used = 0
  #size = 0
  readonly #bytes = Buffer.alloc(16)
  readonly #words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, wordsPerKey)

  get size(): number {
    return this.#size
  }

  /** What these keys take. */
  get bytesCount(): number {
    return this.#keys.byteLength + this.#ticks.byteLength + this.#places.byteLength
  }

  /** The time of the key; undefined when it is not there. */
  get(key: RequestKey): number | undefined {
    const place = this.#find(key)
    return place === undefined ? undefined : this.#ticks[(this.#places[place] as number) - 1]
  }

  /** Adds a key that is not there as the newest. `tick` is a whole number below 2 ** 32 - 1. */
  add(key: RequestKey, tick: number): void {
    assert(this.#find(key) === undefined, 'a key is added once')
    if (this.#used === this.#capacity) this.#resize()
    this.#load(key)
    const position = (this.#head + this.#used) % this.#capacity
    this.#keys.set(this.#words, position * wordsPerKey)
    this.#ticks[position] = tick
    this.#used += 1
    this.#size += 1
    this.#index(position)
  }

  delete(key: RequestKey): boolean {
    const place = this.#find(key)
    if (place === undefined) return false
    this.#deleteAt(place)
    return true
  }

  /** The time of the oldest key; undefined when there is none. */
  get oldestTick(): number | undefined {
    this.#skipDeleted()
    return this.#size === 0 ? undefined : this.#ticks[this.#head]
  }

  deleteOldest(): void {
    this.#skipDeleted()
    assert(this.#size > 0)
    let place = this.#homeOf(this.#head)
    while (this.#places[place] !== this.#head + 1) place = this.#after(place)
    this.#deleteAt(place)
  }

  /** Makes the first bytes of the key, and the rest, words. */
  #load(key: RequestKey): void {
    assert(key.length === 32 && this.#bytes.write(key, 'hex') === 16, 'a key is 16 bytes in hex')
  }

  #find(key: RequestKey): number | undefined {
    this.#load(key)
    const [first, second, third, fourth] = this.#words as unknown as [number, number, number, number]
    let place = first & (this.#places.length - 1)
    for (let found = this.#places[place]; found !== undefined && found !== 0; found = this.#places[place]) {
      const start = (found - 1) * wordsPerKey
      if (
        this.#keys[start] === first &&
        this.#keys[start + 1] === second &&
        this.#keys[start + 2] === third &&
        this.#keys[start + 3] === fourth
      )
        return place
      place = this.#after(place)
    }
    return undefined
  }

  #index(position: number): void {
    let place = this.#homeOf(position)
    while (this.#places[place] !== 0) place = this.#after(place)
    this.#places[place] = position + 1
  }

  #deleteAt(place: number): void {
    this.#ticks[(this.#places[place] as number) - 1] = deleted
    this.#size -= 1
    // What was pushed behind this place by others comes forward, so that no search ends too early.
    const mask = this.#places.length - 1
    let hole = place
    for (let next = this.#after(hole); this.#places[next] !== 0; next = this.#after(next)) {
      const home = this.#homeOf((this.#places[next] as number) - 1)
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      this.#places[hole] = this.#places[next] as number
      hole = next
    }
    this.#places[hole] = 0
  }

  #skipDeleted(): void {
    while (this.#used > 0 && this.#ticks[this.#head] === deleted) {
      this.#head = (this.#head + 1) % this.#capacity
      this.#used -= 1
    }
  }

  /** Leaves the deleted ones out; grows only when they were less than a fourth, so that this is seldom. */
  #resize(): void {
    const [oldKeys, oldTicks, oldHead, oldUsed, oldCapacity] = [
      this.#keys,
      this.#ticks,
      this.#head,
      this.#used,
      this.#capacity,
    ]
    if (this.#size > oldCapacity * 0.75) this.#capacity *= 2
    this.#keys = new Uint32Array(this.#capacity * wordsPerKey)
    this.#ticks = new Uint32Array(this.#capacity)
    this.#places = new Uint32Array(this.#capacity * 2)
    this.#head = 0
    this.#used = 0
    for (let index = 0; index < oldUsed; index += 1) {
      const position = (oldHead + index) % oldCapacity
      const tick = oldTicks[position] as number
      if (tick === deleted) continue
      const start = position * wordsPerKey
      this.#keys.set(oldKeys.subarray(start, start + wordsPerKey), this.#used * wordsPerKey)
      this.#ticks[this.#used] = tick
      this.#index(this.#used)
      this.#used += 1
    }
  }

  #homeOf(position: number): number {
    return (this.#keys[position * wordsPerKey] as number) & (this.#places.length - 1)
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1)
  }
}
