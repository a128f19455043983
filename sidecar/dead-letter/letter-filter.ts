import { parseIsoTime } from './iso-time.ts'
import type { LetterLine } from './letter-line.ts'

/** Which letters are meant; without a key, all. Times are milliseconds since 1970, both included. */
export type LetterFilter = {
  readonly code?: string
  /** As the letter has it: `database.table` or the path of the request. */
  readonly destination?: string
  readonly sinceMs?: number
  readonly untilMs?: number
}

export function isSelected(line: LetterLine, filter: LetterFilter): boolean {
  if (filter.code !== undefined && line.code !== filter.code) return false
  if (filter.destination !== undefined && line.destination !== filter.destination) return false
  if (filter.sinceMs === undefined && filter.untilMs === undefined) return true
  const timeMs = parseIsoTime(line.time)
  return timeMs >= (filter.sinceMs ?? timeMs) && timeMs <= (filter.untilMs ?? timeMs)
}
