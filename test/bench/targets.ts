/** What this project wants to reach. A target that is missed is told, and nothing else comes of it. */
import { type Result, valueOf } from './results.ts'

export type Target = {
  readonly text: string
  readonly limit: number
  readonly isAtMost: boolean
  /** Undefined when a row that it needs was not measured. */
  readonly valueIn: (results: readonly Result[]) => number | undefined
}

export type Judgement = Pick<Target, 'text' | 'limit' | 'isAtMost'> & {
  readonly value: number | undefined
  readonly isMet: boolean | undefined
}

function atMost(limit: number, text: string, row: string, value: string): Target {
  return { text, limit, isAtMost: true, valueIn: (results) => valueOf(results, row, value) }
}

function atLeast(limit: number, text: string, row: string, value: string): Target {
  return { text, limit, isAtMost: false, valueIn: (results) => valueOf(results, row, value) }
}

/** How far apart the values of rows are: the largest over the smallest. */
function spread(limit: number, text: string, names: readonly string[], value: string): Target {
  const valueIn = (results: readonly Result[]) => {
    const values = names.map((name) => valueOf(results, name, value)).filter((one) => one !== undefined)
    return values.length < names.length ? undefined : Math.max(...values) / Math.min(...values)
  }
  return { text, limit, isAtMost: true, valueIn }
}

const memoryRows = ['memory-30', 'memory-300', 'memory-1000']

const targets: readonly Target[] = [
  atMost(1.25, 'CPU, zlib, ndjson 1 MB (yardsticks)', 'zlib-ndjson', 'cpuRatio'),
  atMost(1.35, 'CPU, zlib, array 1 MB (yardsticks)', 'zlib-array', 'cpuRatio'),
  atMost(1.25, 'CPU, zlib, gzip 1 MB (yardsticks with inflating)', 'zlib-gzip', 'cpuRatio'),
  atMost(0.8, 'CPU, ISA-L, ndjson 1 MB (yardsticks)', 'isal-ndjson', 'cpuRatio'),
  atMost(0.8, 'CPU, ISA-L, array 1 MB (yardsticks)', 'isal-array', 'cpuRatio'),
  atMost(0.8, 'CPU, ISA-L, gzip 1 MB (yardsticks with inflating)', 'isal-gzip', 'cpuRatio'),
  atLeast(1.15, 'MB/s, zlib, ndjson 1 MB (yardsticks)', 'zlib-ndjson', 'throughputRatio'),
  atLeast(1.9, 'MB/s, ISA-L, ndjson 1 MB (yardsticks)', 'isal-ndjson', 'throughputRatio'),
  atLeast(20_000, 'requests/s, 2 KB, exactly_once, 64 connections', '2k-exactly_once', 'requestsPerSecond'),
  atMost(25, 'p99 of these (ms)', '2k-exactly_once', 'p99Ms'),
  ...memoryRows.map((row) => atMost(220, `peak RSS, 64 connections of 1 MB, ${row} (MB)`, row, 'peakRssMb')),
  spread(1.1, 'peak RSS, most over least of these', memoryRows, 'peakRssMb'),
  atMost(130, 'idle RSS (MB)', 'memory-30', 'idleRssMb'),
]

export function judge(results: readonly Result[]): Judgement[] {
  return targets.map(({ text, limit, isAtMost, valueIn }) => {
    const value = valueIn(results)
    const isMet = value === undefined ? undefined : isAtMost ? value <= limit : value >= limit
    return { text, limit, isAtMost, value, isMet }
  })
}
