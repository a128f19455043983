/** A point in time, milliseconds since 1970, as ISO 8601 in UTC. */
export function isoTime(ms: number): string {
  // oxlint-disable-next-line no-restricted-globals -- formatting a given time asks for no time
  return new Date(ms).toISOString()
}

/** Milliseconds since 1970 of a time as `isoTime` writes it; NaN for other text. */
export function parseIsoTime(text: string): number {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text)) return Number.NaN
  // oxlint-disable-next-line no-restricted-globals -- reading a given time asks for no time
  return Date.parse(text)
}
