/** Text of `datetime` and `timespan` values. A tick is 100 ns; `datetime` counts from the year 1, as .NET does. */
const ticksPerMs = 10_000n
const ticksPerSecond = 10_000_000n
const ticksPerDay = 86_400n * ticksPerSecond
const unixEpochTicks = 621_355_968_000_000_000n
const maxDatetimeTicks = 3_155_378_975_999_999_999n
const maxTimespanTicks = 2n ** 63n - 1n

/** Ticks in one of each unit of a timespan literal such as `5m`. */
export const ticksPerUnit: Readonly<Record<string, number>> = {
  d: 864_000_000_000,
  h: 36_000_000_000,
  m: 600_000_000,
  s: 10_000_000,
  ms: 10_000,
  microsecond: 10,
  tick: 1,
}

export function ticksFromUnixMs(unixMs: number): bigint {
  return unixEpochTicks + BigInt(Math.trunc(unixMs)) * ticksPerMs
}

/** Undefined when it is outside of the years 1 to 9999. */
export function ticksFromUnix(
  amount: bigint,
  unit: 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds',
): bigint | undefined {
  const perUnit = { seconds: ticksPerSecond, milliseconds: ticksPerMs, microseconds: 10n }
  const ticks = unit === 'nanoseconds' ? amount / 100n : amount * perUnit[unit]
  return inDatetimeRange(unixEpochTicks + ticks)
}

function unixMsFromTicks(ticks: bigint): number {
  return Number((ticks - unixEpochTicks) / ticksPerMs)
}

function inDatetimeRange(ticks: bigint): bigint | undefined {
  return ticks >= 0n && ticks <= maxDatetimeTicks ? ticks : undefined
}

const datetimeForm =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i

/** Reads ISO 8601 (a date, or date and time with an optional fraction and offset); undefined for anything else. */
export function parseDatetime(text: string): bigint | undefined {
  const parts = datetimeForm.exec(text.trim())
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((index) =>
    Number(parts[index] ?? 0),
  )
  const date = new Date(0)
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day ?? 0)
  if (date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day) return undefined
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined
  date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0)
  const fraction = BigInt((parts[7] ?? '').padEnd(7, '0').slice(0, 7))
  return inDatetimeRange(ticksFromUnixMs(date.getTime()) + fraction - offsetTicks(parts[8]))
}

function offsetTicks(offset: string | undefined): bigint {
  if (offset === undefined || offset.toUpperCase() === 'Z') return 0n
  const digits = offset.replace(':', '')
  const minutes = BigInt(digits.slice(1, 3)) * 60n + BigInt(digits.slice(3, 5))
  return (digits.startsWith('-') ? -minutes : minutes) * 60n * ticksPerSecond
}

/** `2026-01-31T12:00:00.1234567Z`, always with seven digits, as `tostring()` gives it. */
export function formatDatetime(ticks: bigint): string {
  const seconds = new Date(unixMsFromTicks(ticks - (ticks % ticksPerSecond))).toISOString().slice(0, 19)
  return `${seconds}.${String(ticks % ticksPerSecond).padStart(7, '0')}Z`
}

const timespanForm = /^(-)?(?:(\d+)(?:\.|$))?(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?)?$/

/** Reads `[-][d.]hh:mm[:ss[.fffffff]]` or a whole number of days; undefined for anything else. */
export function parseTimespan(text: string): bigint | undefined {
  const parts = timespanForm.exec(text.trim())
  if (parts === null || (parts[2] === undefined && parts[3] === undefined)) return undefined
  const [days, hours, minutes, seconds] = [2, 3, 4, 5].map((index) => BigInt(parts[index] ?? 0))
  if ((hours ?? 0n) > 23n || (minutes ?? 0n) > 59n || (seconds ?? 0n) > 59n) return undefined
  const whole = (((days ?? 0n) * 24n + (hours ?? 0n)) * 60n + (minutes ?? 0n)) * 60n + (seconds ?? 0n)
  const ticks = whole * ticksPerSecond + BigInt((parts[6] ?? '').padEnd(7, '0'))
  if (ticks > maxTimespanTicks) return undefined
  return parts[1] === '-' ? -ticks : ticks
}

/** `[-][d.]hh:mm:ss[.fffffff]`. */
export function formatTimespan(ticks: bigint): string {
  const size = ticks < 0n ? -ticks : ticks
  const days = size / ticksPerDay
  const clock = [size / (3600n * ticksPerSecond), size / (60n * ticksPerSecond), size / ticksPerSecond]
    .map((units, index) => String(index === 0 ? units % 24n : units % 60n).padStart(2, '0'))
    .join(':')
  const fraction = size % ticksPerSecond
  return [
    ticks < 0n ? '-' : '',
    days > 0n ? `${days}.` : '',
    clock,
    fraction > 0n ? `.${String(fraction).padStart(7, '0')}` : '',
  ].join('')
}
