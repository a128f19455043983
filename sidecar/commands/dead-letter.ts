import type { DeadLetterCommand } from '../config/arguments.ts'
import type { CommandContext } from './context.ts'
import { listLetters } from './list-letters.ts'
import { replayLetters } from './replay-letters.ts'
import { showLetters } from './show-letters.ts'

/** Runs a command and resolves with the exit code. Rejects with a SidecarError that says what to do. */
export async function runDeadLetter(command: DeadLetterCommand, context: CommandContext): Promise<number> {
  switch (command.name) {
    case 'dead-letter list':
      return listLetters(command, context)
    case 'dead-letter show':
      return showLetters(command, context)
    case 'dead-letter replay':
      return replayLetters(command, context)
  }
}
