import { LRUCache } from 'lru-cache'
import type { Target, WriteSettings } from '../core/destination.ts'
import type { RecordSettings } from '../core/record-settings.ts'

/** Remembered names together; without it long names could take 16 MB and more. */
const maxRememberedCharacters = 1_000_000

/** What a target has besides its names. */
export type TargetSettings = { readonly write: WriteSettings; readonly records: RecordSettings }

export function targetOf(database: string, table: string, { write, records }: TargetSettings): Target {
  const { batchIntervalMs, batchSize, maxRawBytes, deliveryGuarantee, settlement, ...properties } = write
  return {
    destination: { ...properties, database, table },
    limits: { batchIntervalMs, batchSize, maxRawBytes },
    guarantee: deliveryGuarantee,
    settlement,
    records,
  }
}

/** Equal for the same two names made by the same route. */
export function nameKey(label: string, database: string, table: string): string {
  return `${label}:${database.length}:${database}${table}`
}

/**
 * Targets by the names that came with requests. The same names give the identical target as long as they are remembered, and
 * always one with the same `targetKey`.
 */
export class TargetMemory {
  readonly #remembered: LRUCache<string, Target>

  constructor(maxTargets: number) {
    this.#remembered = new LRUCache({
      max: maxTargets,
      maxSize: maxRememberedCharacters,
      sizeCalculation: (_, key) => key.length,
    })
  }

  get(key: string): Target | undefined {
    return this.#remembered.get(key)
  }

  set(key: string, target: Target): void {
    this.#remembered.set(key, target)
  }
}
