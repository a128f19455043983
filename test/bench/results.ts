/** What came out of a run, and how it compares with the yardstick of the same run. */
import type { Kind } from './corpus.ts'
import { leastCost, type Yardstick } from './yardstick.ts'

/** By names such as those of `Measured`. */
export type Values = Readonly<Record<string, number>>

export type Result = {
  readonly name: string
  readonly about: string
  readonly outcome: 'measured' | 'skipped' | 'failed'
  readonly values: Values
  /** Why it was skipped or failed. */
  readonly note: string
  /** Which yardstick it is compared with; undefined when there is none. */
  readonly comparison?: { readonly kind: Kind; readonly isCompressed: boolean }
}

export type Yardsticks = ReadonlyMap<Kind, Yardstick>

/** Adds `cpuRatio`, and `throughputRatio` to what one core would do. */
export function compared(result: Result, yardsticks: Yardsticks): Result {
  const { comparison, values } = result
  const yardstick = comparison === undefined ? undefined : yardsticks.get(comparison.kind)
  const { cpuSecondsPerGb, mbPerSecond } = values
  if (comparison === undefined || yardstick === undefined) return result
  const least = leastCost(yardstick, comparison.isCompressed)
  return {
    ...result,
    values: {
      ...values,
      ...(cpuSecondsPerGb === undefined ? {} : { cpuRatio: cpuSecondsPerGb / least }),
      ...(mbPerSecond === undefined ? {} : { throughputRatio: mbPerSecond / (1000 / least) }),
    },
  }
}

/** The value of a row that was measured. */
export function valueOf(results: readonly Result[], row: string, value: string): number | undefined {
  return results.find(({ name }) => name === row)?.values[value]
}
