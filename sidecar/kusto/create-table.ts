import type { TableCreation } from '../core/ports.ts'
import type { EngineClient } from './engine.ts'
import { quotedName } from './kusto-text.ts'

export type KustoColumns = readonly (readonly [name: string, type: string])[]

/** Makes the table, or adds the columns that it lacks. Source: learn.microsoft.com, ".create-merge table command". */
export function createTableCommand(table: string, columns: KustoColumns): string {
  const list = columns.map(([name, type]) => `${quotedName(name)}: ${type}`)
  return `.create-merge table ${quotedName(table)} (${list.join(', ')})`
}

export async function createTable(
  engine: Pick<EngineClient, 'command'>,
  { database, table, columns }: { database: string; table: string; columns: KustoColumns },
): Promise<TableCreation> {
  const command = createTableCommand(table, columns)
  const answer = await engine.command(database, command)
  return { command, refusal: answer.kind === 'refused' ? answer.error : undefined }
}
