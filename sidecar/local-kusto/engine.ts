/** Runs what comes to the endpoints: a command, a command whose output is queried further, or a query. */
import { isCommand, isDataManagementCommand, runCommand, splitCommand } from './commands/run.ts'
import type { CommandContext } from './commands/context.ts'
import { defaultDatabase } from './engine/catalog.ts'
import type { Result } from './engine/values.ts'
import type { EndpointFault } from './faults.ts'
import { runQuery, sourceOf } from './kql/query.ts'

export type Engine = {
  /** Throws KustoError. */
  run(database: string | undefined, text: string): Result
  faultFor(text: string): EndpointFault
  losesReply(text: string): boolean
}

/** The name by which the operators after a command see its output. */
const outputName = '$command_output'

export function createEngine(context: Omit<CommandContext, 'database'>): Engine {
  const { store, faults } = context
  return {
    faultFor: (text) => (isDataManagementCommand(text) ? faults.dataManagement : faults.engine),
    losesReply: (text) => {
      const isLost = faults.lostCommands > 0 && /^\s*\.\s*(?:move|drop|create|alter)\b/i.test(text)
      if (isLost) faults.lostCommands -= 1
      return isLost
    },
    run: (database = defaultDatabase, text) => {
      if (!isCommand(text)) {
        const sources = store.catalog.tables(database).map((table) => sourceOf(table, store))
        return runQuery(text, database, sources)
      }
      const { command, query } = splitCommand(text)
      const output = runCommand(command, { ...context, database })
      if (query === undefined) return output
      const { columns, rows } = output
      const source = { name: outputName, columns, scan: () => rows, rowCount: () => BigInt(rows.length) }
      return runQuery(`['${outputName}'] ${query}`, database, [source])
    },
  }
}
