import assert from 'node:assert/strict'

/**
 * Runs items with a bound on how many at once, in all and for each key. Keys take turns: after one item of a key the
 * next key is asked, so a key with a thousand items delays another by one item and not by a thousand.
 */
export class TurnQueue<Item> {
  readonly #maxInFlight: number
  readonly #maxPerKey: number
  readonly #run: (item: Item) => Promise<void>
  /** Keys with waiting items; the first is asked next. Map keeps the order of insertion. */
  readonly #waiting = new Map<string, Item[]>()
  readonly #inFlightPerKey = new Map<string, number>()
  #inFlight = 0
  #isStopped = false

  /** `run` must not reject. */
  constructor(maxInFlight: number, maxPerKey: number, run: (item: Item) => Promise<void>) {
    assert(maxInFlight > 0)
    assert(maxPerKey > 0)
    this.#maxInFlight = maxInFlight
    this.#maxPerKey = maxPerKey
    this.#run = run
  }

  add(key: string, item: Item): void {
    const items = this.#waiting.get(key)
    if (items === undefined) this.#waiting.set(key, [item])
    else items.push(item)
    this.#fill()
  }

  stop(): void {
    this.#isStopped = true
  }

  #fill(): void {
    while (!this.#isStopped && this.#inFlight < this.#maxInFlight) {
      const key = this.#nextKey()
      if (key === undefined) return
      this.#start(key)
    }
  }

  #nextKey(): string | undefined {
    for (const key of this.#waiting.keys()) {
      if ((this.#inFlightPerKey.get(key) ?? 0) < this.#maxPerKey) return key
    }
    return undefined
  }

  #start(key: string): void {
    const items = this.#waiting.get(key)
    const item = items?.shift()
    assert(items !== undefined && item !== undefined)
    // To the end of the line, or out of it.
    this.#waiting.delete(key)
    if (items.length > 0) this.#waiting.set(key, items)
    this.#count(key, 1)
    void this.#run(item).finally(() => {
      this.#count(key, -1)
      this.#fill()
    })
  }

  #count(key: string, change: number): void {
    this.#inFlight += change
    const count = (this.#inFlightPerKey.get(key) ?? 0) + change
    if (count === 0) this.#inFlightPerKey.delete(key)
    else this.#inFlightPerKey.set(key, count)
  }
}
