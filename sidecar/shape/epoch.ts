/** A JSON number; with the groups sign, whole part, fraction and exponent. */
const pattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/

/** A number that takes more characters is no time. What `%.16g` prints has at most 24. */
export const maxEpochLength = 100

/** Kusto's first datetime, 0001-01-01. */
const minSeconds = -62_135_596_800
const ticksDigits = 7

/**
 * A time given as a JSON number, as ISO 8601 in UTC with seven digits behind the second, which is what a datetime of Kusto holds.
 * Computed from the decimal digits, so that nothing is rounded; further digits are cut off (towards the past). The unit follows from
 * the size: below 1e11 the number counts seconds since 1970 (up to the year 5138), below 1e14 milliseconds, below 1e17 microseconds
 * and below 1e20 nanoseconds. Undefined for what is beyond and for years before 1.
 */
export function isoOfEpoch(text: string): string | undefined {
  if (text.length > maxEpochLength) return undefined
  const parts = pattern.exec(text)
  if (parts === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts
  const allDigits = whole + fraction
  const digits = allDigits.replace(/^0+/, '')
  // The value is 0.DIGITS times ten to the power of `wholeDigits`.
  const wholeDigits = digits === '' ? 0 : whole.length - (allDigits.length - digits.length) + Number(exponent)
  const unitDigits = unitOf(wholeDigits)
  if (unitDigits === undefined) return undefined
  const secondsDigits = wholeDigits - unitDigits
  // Twenty zeros say as much as more of them do.
  const padded = '0'.repeat(Math.min(20, Math.max(0, -secondsDigits))) + digits
  const at = Math.max(0, secondsDigits)
  const seconds = Number(padded.slice(0, at).padEnd(at, '0'))
  const ticks = padded.slice(at, at + ticksDigits).padEnd(ticksDigits, '0')
  if (sign === '') return format(seconds, ticks)
  const isBeyondTicks = /[1-9]/.test(padded.slice(at + ticksDigits))
  return before1970(seconds, Number(ticks) + (isBeyondTicks ? 1 : 0))
}

/** How many digits more than seconds the number has, by its digits before the point. */
function unitOf(wholeDigits: number): 0 | 3 | 6 | 9 | undefined {
  if (wholeDigits <= 11) return 0
  if (wholeDigits <= 14) return 3
  if (wholeDigits <= 17) return 6
  return wholeDigits <= 20 ? 9 : undefined
}

function before1970(seconds: number, ticks: number): string | undefined {
  const ticksPerSecond = 10 ** ticksDigits
  // At most one second is borrowed: `ticks` is at most a whole one.
  const wholeSeconds = ticks === 0 ? -seconds : -seconds - 1
  const rest = ticks === 0 ? 0 : ticksPerSecond - ticks
  return format(wholeSeconds, String(rest).padStart(ticksDigits, '0'))
}

/** Logs have many records of one second, and a date is the dearest part of the text. */
let lastSecond = { seconds: 0, text: '1970-01-01T00:00:00' }

function format(seconds: number, ticks: string): string | undefined {
  if (seconds < minSeconds) return undefined
  if (seconds !== lastSecond.seconds) {
    // oxlint-disable-next-line no-restricted-globals -- formatting a given time asks for no time
    lastSecond = { seconds, text: new Date(seconds * 1_000).toISOString().slice(0, 19) }
  }
  return `${lastSecond.text}.${ticks}Z`
}
