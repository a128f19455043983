import type { JournalCommand } from '../config/arguments.ts'
import { readConfigFile } from '../config/config-file.ts'
import { SidecarError } from '../core/errors.ts'
import { listJournal } from '../journal/list-journal.ts'
import type { CommandContext } from './context.ts'
import { inspectJournal } from './inspect-journal.ts'
import { verifyJournal } from './verify-journal.ts'

/** Runs a command and resolves with the exit code. Rejects with a SidecarError that says what to do. */
export async function runJournal(command: JournalCommand, context: CommandContext): Promise<number> {
  const directory = await journalDirectoryOf(command, context)
  const listing = await listJournal(context.fileSystem, directory)
  const place = { directory, listing, json: command.json }
  switch (command.name) {
    case 'journal inspect':
      return inspectJournal(place, context)
    case 'journal verify':
      return verifyJournal(place, context)
  }
}

async function journalDirectoryOf(
  { configFile, directory }: JournalCommand,
  { env }: CommandContext,
): Promise<string> {
  if (directory !== undefined || configFile === undefined) return directory ?? '.'
  const { journal } = await readConfigFile(configFile, env)
  if (journal.enabled) return journal.directory
  const message = `${configFile}: journal.enabled is false, so there is no journal. Say with --dir DIR where an earlier one is.`
  throw new SidecarError('CONFIG_INVALID', message)
}
