import type { ReplayCommand } from '../config/arguments.ts'
import { readConfigFile } from '../config/config-file.ts'
import type { ListenAddress } from '../config/listen-address.ts'
import { SidecarError } from '../core/errors.ts'
import type { ReplayResult } from '../dead-letter/replay.ts'
import { type ReplayFilter, replayFilterJson } from '../dead-letter/replay-filter.ts'
import { replayedLetter } from '../dead-letter/replayed-letter.ts'
import { newReading, readLetters } from '../dead-letter/read-letters.ts'
import { askAdmin } from './admin-client.ts'
import { type CommandContext, counted, directoryOf, filterOf } from './context.ts'
import { oneLine, safeJson } from './terminal-text.ts'

const replayPath = '/-/dead-letter/replay'

/** Asks the running sidecar for a replay and prints what came of it. Resolves with the exit code. */
export async function replayLetters(command: ReplayCommand, context: CommandContext): Promise<number> {
  const { to, limit } = command
  const filter: ReplayFilter = {
    ...filterOf(command.selection, context),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
  }
  if (command.dryRun) return countLetters(command, filter, context)
  const url = await adminUrlOf(command, context)
  const result = resultOf(await askAdmin(url, replayPath, replayFilterJson(filter)))
  await context.write(command.json ? `${safeJson(result)}\n` : `${resultText(result).join('\n')}\n`)
  const isWhole = result.deadAgain === 0 && result.skipped === 0 && result.stoppedBecause === undefined
  return isWhole ? 0 : 1
}

async function countLetters(
  command: ReplayCommand,
  filter: ReplayFilter,
  context: CommandContext,
): Promise<number> {
  const directory = await directoryOf(command, context)
  const reading = newReading()
  const { limit = Number.POSITIVE_INFINITY } = filter
  let [selected, skipped] = [0, 0]
  for await (const { line } of readLetters(context.fileSystem, directory, filter, reading)) {
    if (replayedLetter(line, filter.to) === undefined) skipped += 1
    else selected += 1
    if (selected >= limit) break
  }
  const damagedLines = reading.damagedLinesCount
  const lines = [
    `${counted(selected, 'letter')} would be sent; nothing was done.`,
    ...skippedText(
      skipped,
      'It is not known where they came from: say where they go with --to DATABASE/TABLE.',
    ),
    ...damagedText(damagedLines),
  ]
  await context.write(
    command.json ? `${safeJson({ selected, skipped, damagedLines })}\n` : `${lines.join('\n')}\n`,
  )
  return 0
}

async function adminUrlOf({ adminUrl, configFile }: ReplayCommand, { env }: CommandContext): Promise<string> {
  if (adminUrl !== undefined || configFile === undefined) return adminUrl ?? ''
  const { adminListen } = (await readConfigFile(configFile, env)).server
  if (adminListen === undefined) {
    const message = `server.admin_listen is off in ${configFile}, so a running sidecar cannot be asked. Switch it on and restart the sidecar.`
    throw new SidecarError('ADMIN_FAILED', message)
  }
  if (adminListen.port === 0) {
    const message = `server.admin_listen in ${configFile} takes any free port. Say with --admin URL which one it is (adminPort of the line sidecar.started in the log).`
    throw new SidecarError('ADMIN_FAILED', message)
  }
  return `http://${hostOf(adminListen)}:${adminListen.port}`
}

/** Who listens at every address listens at this one too. */
function hostOf({ host }: ListenAddress): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function resultOf(value: unknown): ReplayResult {
  if (isResult(value)) return value
  throw new SidecarError(
    'ADMIN_FAILED',
    'What answered there is no sidecar of this version: it told no result of a replay.',
  )
}

function isResult(value: unknown): value is ReplayResult {
  if (typeof value !== 'object' || value === null) return false
  const given = value as Record<string, unknown>
  return ['replayed', 'deadAgain', 'skipped', 'damagedLines'].every((key) => typeof given[key] === 'number')
}

function resultText(result: ReplayResult): string[] {
  const { replayed, deadAgain, skipped, skippedBecause, damagedLines, stoppedBecause } = result
  return [
    `${counted(replayed, 'letter')} replayed, ${deadAgain} dead again, ${skipped} skipped.`,
    ...skippedText(skipped, skippedBecause ?? ''),
    ...damagedText(damagedLines),
    ...(stoppedBecause === undefined
      ? []
      : [`Stopped before the end: ${oneLine(stoppedBecause.message)} (${oneLine(stoppedBecause.code)})`]),
  ]
}

function skippedText(skipped: number, why: string): string[] {
  return skipped === 0
    ? []
    : [`${counted(skipped, 'letter')} skipped and still there. ${oneLine(why)}`.trimEnd()]
}

function damagedText(damagedLines: number): string[] {
  return damagedLines === 0 ? [] : [`${counted(damagedLines, 'damaged line')} left as they are.`]
}
