/** A point in time, milliseconds since 1970, as ISO 8601 in UTC. */
export function isoTime(ms: number): string {
  // oxlint-disable-next-line no-restricted-globals -- formatting a given time asks for no time
  return new Date(ms).toISOString()
}
