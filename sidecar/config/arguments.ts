import { parseArgs } from 'node:util'
import { SidecarError } from '../core/errors.ts'
import { quoteShort } from '../core/quote-short.ts'
import { nearest } from './nearest.ts'
import { unavailableText } from './unavailable.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'run'; readonly configFile: string | undefined }
  | { readonly name: 'help' }
  | { readonly name: 'version' }

const optionTypes = {
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const

const commands = ['run']
const laterCommands = ['check', 'dead-letter', 'journal', 'send']

export const helpText = `kusto-sidecar takes logs over HTTP from Fluent Bit and Vector and ingests them into Azure Data Explorer.

Usage:
  kusto-sidecar [run] --config FILE    start, with the configuration in FILE
  kusto-sidecar [run]                  start with an embedded local Kusto, to try it out
  kusto-sidecar --help                 show this text
  kusto-sidecar --version              show the version

A file needs one key; sidecar/config/REFERENCE.md has all of them:
  kusto:
    cluster_url: https://mycluster.westeurope.kusto.windows.net

Exit codes: 0 stopped as asked, 78 a mistake in the configuration or on this command line, 1 anything else.`

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
  const mistakes: string[] = []
  const seen = new Set<string>()
  const [command, ...rest] = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  let configFile: string | undefined
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    mistakes.push(...optionMistakes(token, seen))
    if (token.name === 'config') configFile = token.value
    seen.add(token.name)
  }
  // Beside a misspelled option a word can be its value, which may be a secret and is not a command.
  if (mistakes.length === 0) {
    if (command !== undefined) mistakes.push(...commandMistakes(command))
    mistakes.push(...rest.map((word) => `the argument ${quoteShort(word)} has no meaning here`))
  }
  if (mistakes.length === 0 && seen.has('help')) return { name: 'help' }
  if (mistakes.length === 0 && seen.has('version')) return { name: 'version' }
  if (mistakes.length > 0) {
    throw new SidecarError(
      'CONFIG_INVALID',
      [...mistakes, 'kusto-sidecar --help shows how to start it'].join('\n'),
    )
  }
  return { name: 'run', configFile }
}

function commandMistakes(command: string): string[] {
  if (commands.includes(command)) return []
  if (laterCommands.includes(command)) return [`the command "${command}" ${unavailableText}`]
  return [`there is no command ${quoteShort(command)}${hint(command, [...commands, ...laterCommands])}`]
}

type OptionToken = { readonly name: string; readonly rawName: string; readonly value?: string | undefined }

function optionMistakes({ name, rawName, value }: OptionToken, seen: ReadonlySet<string>): string[] {
  if (!Object.hasOwn(optionTypes, name)) {
    const near = hint(name, Object.keys(optionTypes), '--')
    return [`there is no option ${quoteShort(rawName)}${near}`]
  }
  if (seen.has(name)) return [`--${name} is given twice`]
  if (name === 'config')
    return value === undefined || value === '' ? ['--config needs the name of a file'] : []
  return value === undefined ? [] : [`--${name} takes no value`]
}

function hint(word: string, candidates: readonly string[], prefix = ''): string {
  const near = nearest(word, candidates)
  return near === undefined ? '' : `; did you mean "${prefix}${near}"?`
}
