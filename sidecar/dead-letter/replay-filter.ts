/** Which letters are to be replayed, as it is sent to a running sidecar: its words are those of the command line. */
import { SidecarError } from '../core/errors.ts'
import { kustoNameProblem } from '../core/kusto-name.ts'
import { quoteShort } from '../core/quote-short.ts'
import { isoTime, parseIsoTime } from './iso-time.ts'
import type { LetterFilter } from './letter-filter.ts'

export type TableName = { readonly database: string; readonly table: string }

export type ReplayFilter = LetterFilter & {
  /** Where the letters go, instead of where they were to go. */
  readonly to?: TableName
  /** At most so many letters, the oldest. */
  readonly limit?: number
}

const keys = ['code', 'destination', 'since', 'until', 'to', 'limit'] as const
type Key = (typeof keys)[number]

/** The JSON value that `parseReplayFilter` reads. */
export function replayFilterJson(filter: ReplayFilter): Readonly<Partial<Record<Key, string | number>>> {
  const { code, destination, sinceMs, untilMs, to, limit } = filter
  return {
    ...(code === undefined ? {} : { code }),
    ...(destination === undefined ? {} : { destination }),
    ...(sinceMs === undefined ? {} : { since: isoTime(sinceMs) }),
    ...(untilMs === undefined ? {} : { until: isoTime(untilMs) }),
    ...(to === undefined ? {} : { to: `${to.database}/${to.table}` }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** Reads a filter from parsed JSON; nothing at all (undefined) selects every letter. Throws SidecarError ADMIN_REQUEST_INVALID that says what is wrong. */
export function parseReplayFilter(value: unknown = {}): ReplayFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('expected a JSON object with the filter')
  }
  const unknown = Object.keys(value).find((key) => !keys.some((known) => known === key))
  // A misspelled filter must not select everything.
  if (unknown !== undefined)
    throw invalid(`there is no key ${quoteShort(unknown)}; known are ${keys.join(', ')}`)
  const given = value as Readonly<Partial<Record<Key, unknown>>>
  const code = textAt(given, 'code')
  const destination = textAt(given, 'destination')
  const sinceMs = timeAt(given, 'since')
  const untilMs = timeAt(given, 'until')
  const to = textAt(given, 'to')
  const limit = limitOf(given)
  return {
    ...(code === undefined ? {} : { code }),
    ...(destination === undefined ? {} : { destination }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(to === undefined ? {} : { to: tableNameOf(to) }),
    ...(limit === undefined ? {} : { limit }),
  }
}

function textAt(given: Readonly<Partial<Record<Key, unknown>>>, key: Key): string | undefined {
  const value = given[key]
  if (value === undefined || typeof value === 'string') return value
  throw invalid(`"${key}" has to be text`)
}

function timeAt(given: Readonly<Partial<Record<Key, unknown>>>, key: Key): number | undefined {
  const text = textAt(given, key)
  if (text === undefined) return undefined
  const timeMs = parseIsoTime(text)
  if (Number.isNaN(timeMs)) throw invalid(`"${key}" has to be a time such as "2026-01-02T03:04:05Z"`)
  return timeMs
}

function limitOf({ limit }: Readonly<Partial<Record<Key, unknown>>>): number | undefined {
  if (limit === undefined) return undefined
  if (typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0) return limit
  throw invalid('"limit" has to be a whole number above 0')
}

function tableNameOf(text: string): TableName {
  const [database = '', table, ...rest] = text.split('/')
  if (table === undefined || rest.length > 0) throw invalid('"to" has to be DATABASE/TABLE')
  for (const [kind, name] of [
    ['database', database],
    ['table', table],
  ] as const) {
    const problem = kustoNameProblem(name)
    if (problem !== undefined) throw invalid(`"to": the ${kind} name ${problem}`)
  }
  return { database, table }
}

function invalid(what: string): SidecarError {
  return new SidecarError('ADMIN_REQUEST_INVALID', `The filter for the replay is wrong: ${what}.`)
}
