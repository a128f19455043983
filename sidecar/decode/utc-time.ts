const secondsPerDay = 86_400

/** 9999-12-31T23:59:59, the last second that Kusto's datetime can hold. */
export const lastSecond = 253_402_300_799

const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))

/**
 * A time as ISO 8601 text in UTC with the precision of Kusto's datetime, 100 ns: `2026-11-22T05:00:00.1234567Z`. `seconds` are whole
 * and since 1970, from 0 to `lastSecond`; `ticks` are of 100 ns, from 0 to 9,999,999.
 */
export function utcText(seconds: number, ticks: number): string {
  const secondOfDay = seconds % secondsPerDay
  const hour = twoDigits[Math.floor(secondOfDay / 3600)]
  const minute = twoDigits[Math.floor(secondOfDay / 60) % 60]
  const second = twoDigits[secondOfDay % 60]
  const date = dateText(Math.floor(seconds / secondsPerDay))
  return `${date}T${hour}:${minute}:${second}.${String(ticks).padStart(7, '0')}Z`
}

/**
 * The date of a day since 1970, counted in years that begin with March, so that the leap day is the last of its year, and in eras of
 * 400 years, after which the calendar repeats (https://howardhinnant.github.io/date_algorithms.html).
 */
function dateText(daysSince1970: number): string {
  const days = daysSince1970 + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days % 146_097
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return `${String(year).padStart(4, '0')}-${twoDigits[month]}-${twoDigits[day]}`
}
