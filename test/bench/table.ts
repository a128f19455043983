/** Results as tables of Markdown, which also read well on a terminal. */
import type { Result, Values, Yardsticks } from './results.ts'
import type { Judgement } from './targets.ts'

type Column = { readonly title: string; readonly value: string; readonly digits: number }

const columns: readonly Column[] = [
  { title: 'MB/s', value: 'mbPerSecond', digits: 1 },
  { title: '× yardstick', value: 'throughputRatio', digits: 2 },
  { title: 'requests/s', value: 'requestsPerSecond', digits: 0 },
  { title: 'CPU-s/GB', value: 'cpuSecondsPerGb', digits: 2 },
  { title: '× yardstick', value: 'cpuRatio', digits: 2 },
  { title: 'idle MB', value: 'idleRssMb', digits: 0 },
  { title: 'peak MB', value: 'peakRssMb', digits: 0 },
  { title: 'p50 ms', value: 'p50Ms', digits: 1 },
  { title: 'p99 ms', value: 'p99Ms', digits: 1 },
]

/** In the JSON only. */
const details = new Set(
  'requests records rawBytes seconds maxMs loadCpuSeconds blobs blobBytes settledRecords'.split(' '),
)
const shown = new Set(columns.map(({ value }) => value))

export function resultsTable(results: readonly Result[]): string {
  const titles = ['row', ...columns.map(({ title }) => title), 'what', 'and']
  const lines = results.map((result) => [
    result.name,
    ...columns.map(({ value, digits }) => numberText(result.values[value], digits)),
    result.about,
    result.outcome === 'measured' ? rest(result) : `${result.outcome}: ${result.note}`,
  ])
  return table(titles, lines)
}

export function judgementsTable(judgements: readonly Judgement[]): string {
  const lines = judgements.map(({ text, limit, isAtMost, value, isMet }) => [
    text,
    `${isAtMost ? '≤' : '≥'} ${limit}`,
    numberText(value, value !== undefined && value < 10 ? 2 : 0),
    isMet === undefined ? 'not measured' : isMet ? 'met' : 'not met',
  ])
  return table(['target', 'limit', 'measured', ''], lines)
}

export function yardsticksTable(yardsticks: Yardsticks): string {
  const lines = Array.from(yardsticks, ([kind, { parse, deflate, inflate }]) => {
    const sum = parse + deflate
    return [kind, ...[parse, deflate, sum, 1000 / sum, inflate].map((number) => numberText(number, 2))]
  })
  return table(['yardstick', 'parse', 'deflate 1', 'CPU-s/GB', 'MB/s of one core', 'inflate'], lines)
}

/** What has no column: of what is not there or zero nothing is said, except in rows that have nothing else. */
function rest({ values }: Result): string {
  const names = Object.keys(values)
  const isAllDetails = names.every((name) => details.has(name))
  const told = names.filter(
    (name) => !shown.has(name) && (isAllDetails || (!details.has(name) && values[name] !== 0)),
  )
  return [...told.map((name) => valueText(values, name)), ...busyLoad(values)].join(', ')
}

/** When the load generator took most of a core, the subject may be faster than it looks. */
function busyLoad({ loadCpuSeconds = 0, seconds = Infinity }: Values): string[] {
  const share = loadCpuSeconds / seconds
  return share > 0.8 ? [`load generator at ${(share * 100).toFixed(0)} % of a core`] : []
}

function valueText(values: Values, name: string): string {
  const value = values[name] as number
  return `${name} ${numberText(value, Number.isInteger(value) ? 0 : 1)}`
}

function numberText(value: number | undefined, digits: number): string {
  return value === undefined ? '' : value.toFixed(digits)
}

function table(titles: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = titles.map((title, n) =>
    Math.max(title.length, 3, ...lines.map((line) => line[n]?.length ?? 0)),
  )
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [row(titles), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n')
}
