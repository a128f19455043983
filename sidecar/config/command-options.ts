/** Which options each command has, and what their values are. */
import { kustoNameProblem } from '../core/kusto-name.ts'
import { parsePointInTime, pointInTimeExpected } from './point-in-time.ts'

export type OptionName = keyof typeof optionTypes

export type CommandName = keyof typeof commandOptions

/** For `parseArgs` of Node. */
export const optionTypes = {
  config: { type: 'string' },
  dir: { type: 'string' },
  admin: { type: 'string' },
  code: { type: 'string' },
  destination: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  to: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean' },
  full: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const

const filters = ['code', 'destination', 'since', 'until'] as const

export const commandOptions = {
  run: ['config', 'help', 'version'],
  'dead-letter': ['help'],
  'dead-letter list': ['config', 'dir', ...filters, 'json', 'help'],
  'dead-letter show': ['config', 'dir', ...filters, 'limit', 'full', 'json', 'help'],
  'dead-letter replay': ['config', 'dir', 'admin', ...filters, 'to', 'limit', 'dry-run', 'json', 'help'],
  journal: ['help'],
  'journal inspect': ['config', 'dir', 'json', 'help'],
  'journal verify': ['config', 'dir', 'json', 'help'],
} as const satisfies Record<string, readonly OptionName[]>

/** The words behind `dead-letter`. */
export const deadLetterCommands = ['list', 'show', 'replay'] as const

/** The words behind `journal`. */
export const journalCommands = ['inspect', 'verify'] as const

const maxLimit = 1_000_000

/** What an option with a value needs, as the end of "--x needs ...", and whether a text is that. */
const values: Readonly<Record<string, readonly [expected: string, isValid: (text: string) => boolean]>> = {
  config: ['the name of a file', isGiven],
  dir: ['the path of a directory', isGiven],
  admin: ['the address of the admin listener, such as "http://127.0.0.1:8081"', isHttpUrl],
  code: ['an error code, such as DECODE_NOT_JSON', isGiven],
  destination: ['a destination as dead-letter list shows it, such as Logs.App', isGiven],
  since: [pointInTimeExpected, (text) => parsePointInTime(text) !== undefined],
  until: [pointInTimeExpected, (text) => parsePointInTime(text) !== undefined],
  to: ['DATABASE/TABLE', (text) => parseTableName(text) !== undefined],
  limit: [
    `a whole number from 1 to ${maxLimit}`,
    (text) => /^[1-9]\d{0,6}$/.test(text) && Number(text) <= maxLimit,
  ],
}

/** What the value of an option should be, when it is not that. Values are not repeated: they may be misplaced secrets. */
export function valueProblem(name: OptionName, value: string | undefined): string | undefined {
  const rule = values[name]
  if (rule === undefined) return value === undefined ? undefined : 'takes no value'
  const [expected, isValid] = rule
  return value !== undefined && isValid(value) ? undefined : `needs ${expected}`
}

export function parseTableName(
  text: string,
): { readonly database: string; readonly table: string } | undefined {
  const [database = '', table = '', ...rest] = text.split('/')
  const isValid = rest.length === 0 && [database, table].every((name) => kustoNameProblem(name) === undefined)
  return isValid ? { database, table } : undefined
}

function isGiven(text: string): boolean {
  return text !== ''
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}
