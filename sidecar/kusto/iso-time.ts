/** A time as Kusto's clients write it: `2026-11-25T02:30:16.123Z`. */
export function isoTime(atMs: number): string {
  // oxlint-disable-next-line no-restricted-globals -- formatting a given time asks for no time
  return new Date(atMs).toISOString()
}
