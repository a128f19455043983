import { readConfigFile } from '../config/config-file.ts'
import type { LetterSelection, LetterSource } from '../config/arguments.ts'
import { resolveTime } from '../config/point-in-time.ts'
import type { Clock, FileSystem } from '../core/ports.ts'
import type { LetterFilter } from '../dead-letter/letter-filter.ts'

/** What a command works with. */
export type CommandContext = {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  /** Writes to standard output. */
  readonly write: (text: string) => Promise<void>
}

/** The directory with the letters. Throws as `readConfigFile`. */
export async function directoryOf(
  { configFile, directory }: LetterSource,
  { env }: CommandContext,
): Promise<string> {
  if (directory !== undefined || configFile === undefined) return directory ?? '.'
  return (await readConfigFile(configFile, env)).deadLetter.directory
}

export function filterOf(
  { code, destination, since, until }: LetterSelection,
  { clock }: CommandContext,
): LetterFilter {
  const now = clock.now()
  return {
    ...(code === undefined ? {} : { code }),
    ...(destination === undefined ? {} : { destination }),
    ...(since === undefined ? {} : { sinceMs: resolveTime(since, now) }),
    ...(until === undefined ? {} : { untilMs: resolveTime(until, now) }),
  }
}

/** A count with its noun: `1 letter`, `2 letters`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
