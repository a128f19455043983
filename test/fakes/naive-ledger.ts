import type { RequestLedger } from '../../sidecar/core/ports.ts'
import type { RequestSlice } from '../../sidecar/core/request-slice.ts'

/** A ledger without limits or time that remembers each record by itself. Restored slices are not told apart by their connections. */
export class NaiveLedger implements RequestLedger {
  readonly #records = new Map<string, Set<string>>()
  readonly #forgotten = new Set<string>()
  readonly #parts = new Map<string, Map<number, number>>()
  readonly #partCounts = new Map<string, number>()

  isStored(key: string): boolean {
    const parts = this.#parts.get(key)
    if (parts === undefined || parts.size < (this.#partCounts.get(key) ?? 1)) return false
    const expected = [...parts.values()].reduce((sum, count) => sum + count, 0)
    return this.#records.get(key)?.size === expected
  }

  forget(key: string): void {
    if (!this.isStored(key)) return
    this.#records.delete(key)
    this.#parts.delete(key)
    this.#forgotten.add(key)
  }

  missing({ key }: { key: string }, { part, partRecords }: { part: number; partRecords: number }) {
    const stored = this.#records.get(key) ?? new Set()
    const isMissing = (record: number) => !stored.has(`${part}:${record}`)
    return Array.from({ length: partRecords }, (_, record) => record)
      .filter(isMissing)
      .map((firstRecord) => ({ firstRecord, recordCount: 1 }))
  }

  store(slices: readonly RequestSlice[]): void {
    for (const { key, part, partCount, partRecords, firstRecord, recordCount } of slices) {
      this.#forgotten.delete(key)
      const records = this.#records.get(key) ?? new Set()
      for (let n = firstRecord; n < firstRecord + recordCount; n += 1) records.add(`${part}:${n}`)
      this.#records.set(key, records)
      this.#parts.set(key, (this.#parts.get(key) ?? new Map()).set(part, partRecords))
      this.#partCounts.set(key, partCount)
    }
  }

  restore(slices: readonly RequestSlice[]): void {
    this.store(slices)
  }

  isLive({ key }: RequestSlice): boolean {
    return this.#records.has(key)
  }
}
