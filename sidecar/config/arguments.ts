import { parseArgs } from 'node:util'
import { SidecarError } from '../core/errors.ts'
import { quoteShort } from '../core/quote-short.ts'
import {
  type CommandName,
  type OptionName,
  commandOptions,
  deadLetterCommands,
  journalCommands,
  optionTypes,
  parseTableName,
  valueProblem,
} from './command-options.ts'
import { helpOf } from './help.ts'
import { nearest } from './nearest.ts'
import { type PointInTime, parsePointInTime } from './point-in-time.ts'
import { unavailableText } from './unavailable.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'run'; readonly configFile: string | undefined }
  | { readonly name: 'help'; readonly text: string }
  | { readonly name: 'version' }
  | DeadLetterCommand
  | JournalCommand

export type DeadLetterCommand = ListCommand | ShowCommand | ReplayCommand

export type ListCommand = LetterSource & {
  readonly name: 'dead-letter list'
  readonly selection: LetterSelection
  readonly json: boolean
}

export type ShowCommand = LetterSource & {
  readonly name: 'dead-letter show'
  readonly selection: LetterSelection
  readonly json: boolean
  readonly full: boolean
  readonly limit: number | undefined
}

export type ReplayCommand = LetterSource & {
  readonly name: 'dead-letter replay'
  readonly selection: LetterSelection
  readonly json: boolean
  readonly dryRun: boolean
  readonly limit: number | undefined
  readonly to: { readonly database: string; readonly table: string } | undefined
  /** Of the admin listener of the running sidecar. */
  readonly adminUrl: string | undefined
}

/** At least one is given, but for a replay with `adminUrl`. */
export type LetterSource = { readonly configFile: string | undefined; readonly directory: string | undefined }

/** One of `configFile` and `directory` is given. */
export type JournalCommand = LetterSource & {
  readonly name: 'journal inspect' | 'journal verify'
  readonly json: boolean
}

export type LetterSelection = {
  readonly code: string | undefined
  readonly destination: string | undefined
  readonly since: PointInTime | undefined
  readonly until: PointInTime | undefined
}

const commands = ['run', 'dead-letter', 'journal']
const laterCommands = ['check', 'send']
/** Commands of two words, by the first. */
const groups = { 'dead-letter': deadLetterCommands, journal: journalCommands } as const

/**
 * Reads the words behind the program name. `--help` goes before `--version`, and both before anything else that is right.
 * Throws SidecarError CONFIG_INVALID with one line for each mistake.
 */
export function parseArguments(words: readonly string[]): Command {
  const { tokens } = parseArgs({
    args: [...words],
    options: optionTypes,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  const { command, rest, mistake } = commandOf(positionals)
  const mistakes: string[] = []
  const given = new Map<string, string | undefined>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    mistakes.push(...optionMistakes(token, given, command))
    given.set(token.name, token.value)
  }
  // Beside a misspelled option a word can be its value, which may be a secret and is not a command.
  if (mistakes.length === 0) {
    if (mistake !== undefined) mistakes.push(mistake)
    else mistakes.push(...rest.map((word) => `the argument ${quoteShort(word)} has no meaning here`))
  }
  if (mistakes.length === 0 && given.has('help')) return { name: 'help', text: helpOf(command) }
  if (mistakes.length === 0 && given.has('version')) return { name: 'version' }
  if (mistakes.length === 0) mistakes.push(...missingOptions(command, given))
  if (mistakes.length > 0) {
    const help =
      command === 'run'
        ? 'kusto-sidecar --help shows how to start it'
        : `kusto-sidecar ${command} --help shows its options`
    throw new SidecarError('CONFIG_INVALID', [...mistakes, help].join('\n'))
  }
  return toCommand(command, given)
}

type FoundCommand = {
  /** `run` when there is a mistake. */
  readonly command: CommandName
  /** Words that belong to nothing. */
  readonly rest: readonly string[]
  readonly mistake?: string
}

function commandOf([first, second, ...others]: readonly string[]): FoundCommand {
  if (first === undefined || first === 'run') {
    return { command: 'run', rest: second === undefined ? [] : [second, ...others] }
  }
  if (isGroup(first)) {
    if (second === undefined) return { command: first, rest: [] }
    const command = `${first} ${second}`
    if (isCommandName(command)) return { command, rest: others }
    const near = hint(second, groups[first], `${first} `)
    return { command: first, rest: [], mistake: `there is no command ${first} ${quoteShort(second)}${near}` }
  }
  const mistake = laterCommands.includes(first)
    ? `the command "${first}" ${unavailableText}`
    : `there is no command ${quoteShort(first)}${hint(first, [...commands, ...laterCommands])}`
  return { command: 'run', rest: [], mistake }
}

type OptionToken = { readonly name: string; readonly rawName: string; readonly value?: string | undefined }

function optionMistakes(
  { name, rawName, value }: OptionToken,
  given: ReadonlyMap<string, unknown>,
  command: CommandName,
): string[] {
  const known: readonly OptionName[] = commandOptions[command]
  if (!isOptionName(name)) return [`there is no option ${quoteShort(rawName)}${hint(name, known, '--')}`]
  if (!known.includes(name) && !isGroup(command)) {
    return [`--${name} is no option of ${command}`]
  }
  if (given.has(name)) return [`--${name} is given twice`]
  const problem = valueProblem(name, value)
  return problem === undefined ? [] : [`--${name} ${problem}`]
}

function missingOptions(command: CommandName, given: ReadonlyMap<string, unknown>): string[] {
  if (command === 'run') return []
  if (isGroup(command)) return [`${command} needs one of ${groups[command].join(', ')}`]
  if (command !== 'dead-letter replay') {
    return given.has('config') || given.has('dir') ? [] : [`${command} needs --config FILE or --dir DIR`]
  }
  if (given.has('dry-run')) {
    return given.has('config') || given.has('dir')
      ? []
      : ['--dry-run needs --config FILE or --dir DIR: it only reads files']
  }
  if (given.has('dir'))
    return ['--dir is of use only with --dry-run: the running sidecar knows its directory']
  return given.has('config') || given.has('admin')
    ? []
    : ['dead-letter replay needs --config FILE or --admin URL']
}

/** Everything given is valid. */
function toCommand(command: CommandName, given: ReadonlyMap<string, string | undefined>): Command {
  const configFile = given.get('config')
  if (command === 'run' || isGroup(command)) return { name: 'run', configFile }
  if (command === 'journal inspect' || command === 'journal verify')
    return { name: command, configFile, directory: given.get('dir'), json: given.has('json') }
  const time = (text: string | undefined) => (text === undefined ? undefined : parsePointInTime(text))
  const limit = given.get('limit')
  const common = {
    configFile,
    directory: given.get('dir'),
    selection: {
      code: given.get('code'),
      destination: given.get('destination'),
      since: time(given.get('since')),
      until: time(given.get('until')),
    },
    json: given.has('json'),
  }
  if (command === 'dead-letter list') return { name: command, ...common }
  const limited = { ...common, limit: limit === undefined ? undefined : Number(limit) }
  if (command === 'dead-letter show') return { name: command, ...limited, full: given.has('full') }
  const to = given.get('to')
  return {
    name: command,
    ...limited,
    dryRun: given.has('dry-run'),
    to: to === undefined ? undefined : parseTableName(to),
    adminUrl: given.get('admin'),
  }
}

function isGroup(word: string): word is keyof typeof groups {
  return Object.hasOwn(groups, word)
}

function isCommandName(words: string): words is CommandName {
  return Object.hasOwn(commandOptions, words)
}

function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(optionTypes, name)
}

function hint(word: string, candidates: readonly string[], prefix = ''): string {
  const near = nearest(word, candidates)
  return near === undefined ? '' : `; did you mean "${prefix}${near}"?`
}
