/** Management commands: the ones that a client of ingestion and a newcomer need. */
import { KustoError } from '../kusto-error.ts'
import type { Result } from '../engine/values.ts'
import type { Command, CommandContext } from './context.ts'
import {
  getIdentityToken,
  getIngestionResources,
  showIngestionFailures,
  showVersion,
} from './data-management.ts'
import { dropExtents, moveExtents } from './extents.ts'
import { createMapping, dropMapping } from './mappings.ts'
import { alterPolicy } from './policies.ts'
import { CommandReader } from './reader.ts'
import {
  createDatabase,
  createTable,
  dropTable,
  showDatabases,
  showDatabaseSchema,
  showTable,
  showTables,
} from './tables.ts'
import { tokenize } from './tokens.ts'

const commands: readonly Command[] = [
  getIngestionResources,
  getIdentityToken,
  showVersion,
  showIngestionFailures,
  createDatabase,
  showDatabases,
  showDatabaseSchema,
  showTables,
  alterPolicy,
  createMapping,
  moveExtents,
  dropExtents,
  createTable,
  dropMapping,
  dropTable,
  showTable,
]

/** Commands start with a dot; everything else is a query. */
export function isCommand(text: string): boolean {
  return tokenizedStart(text) === '.'
}

/** `.get` commands are answered by Data Management, the others by the engine. */
export function isDataManagementCommand(text: string): boolean {
  return /^\s*\.\s*get\b/i.test(text)
}

/** Cuts `.show tables | where ...` into the command and the query part after it, if there is one. */
export function splitCommand(text: string): { command: string; query: string | undefined } {
  const pipe = tokenize(text).find(({ kind, text: sign }) => kind === 'sign' && sign === '|')
  return pipe === undefined
    ? { command: text, query: undefined }
    : { command: text.slice(0, pipe.at), query: text.slice(pipe.at) }
}

/** Throws KustoError, also for commands that are not known. */
export function runCommand(text: string, context: CommandContext): Result {
  for (const command of commands) {
    const result = command(new CommandReader(text), context)
    if (result !== undefined) return result
  }
  const start = text.trim().split(/\s+/, 3).join(' ')
  throw new KustoError(
    'BadRequest_SyntaxError',
    `Syntax error: the local Kusto does not know the command '${start} ...'.`,
  )
}

function tokenizedStart(text: string): string | undefined {
  const start = /^(?:\s|\/\/[^\n]*)*(\S)/.exec(text)
  return start?.[1]
}
