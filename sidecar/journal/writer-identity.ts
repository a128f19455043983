import type { FileSystem, Random } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import { epochOf } from './file-names.ts'

/** Who writes to this journal: a random name made once, and a number that grows at every start. */
export type WriterIdentity = { readonly writer: string; readonly epoch: number }

const fileName = 'writer.json'
/** Of this file; those of batches have their own. */
const formatVersion = 1
/** Nobody starts so often; a larger number is damage, and would outgrow the names of files. */
const maxEpoch = 99_999_999

/**
 * The identity for this start: the writer of the directory and the next epoch. Nothing is written yet. Rejects with JOURNAL_BROKEN or
 * JOURNAL_VERSION_UNSUPPORTED.
 */
export async function nextIdentity(
  fileSystem: FileSystem,
  directory: string,
  random: Random,
): Promise<WriterIdentity> {
  const previous = await readIdentity(fileSystem, `${directory}/${fileName}`)
  // Files may be older than the identity, when a person moved a damaged one away: their names must not be taken again.
  const epochs = (await fileSystem.list(directory)).map(epochOf).filter((epoch) => epoch < maxEpoch)
  return { writer: previous?.writer ?? random.hex(8), epoch: Math.max(previous?.epoch ?? 0, ...epochs) + 1 }
}

/**
 * Makes the identity durable, before the first batch is opened with it. Batch ids start with it, so they are never used twice, which matters
 * because an id that names two contents would make Kusto skip the second one.
 */
export async function writeIdentity(
  fileSystem: FileSystem,
  directory: string,
  identity: WriterIdentity,
): Promise<void> {
  const temporary = `${directory}/${fileName}.new`
  await fileSystem.remove(temporary)
  const file = await fileSystem.open(temporary, 'create')
  try {
    await file.write([Buffer.from(`${JSON.stringify({ formatVersion, ...identity })}\n`)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await fileSystem.rename(temporary, `${directory}/${fileName}`)
  await fileSystem.syncDirectory(directory)
}

async function readIdentity(fileSystem: FileSystem, path: string): Promise<WriterIdentity | undefined> {
  const text = await readText(fileSystem, path)
  if (text === undefined) return undefined
  const found = parseIdentity(text)
  if (found === undefined) {
    throw new SidecarError(
      'JOURNAL_BROKEN',
      `${path} is damaged. Batch ids would no longer be unique with a guessed epoch. Move the file away; a new writer id is then made, and waiting batches are still delivered.`,
    )
  }
  if (found.formatVersion > formatVersion) {
    throw new SidecarError(
      'JOURNAL_VERSION_UNSUPPORTED',
      `${path} is of format version ${found.formatVersion}; this program reads up to ${formatVersion}. Start the newer program, or let it empty the journal first.`,
    )
  }
  return found
}

function parseIdentity(text: string): (WriterIdentity & { formatVersion: number }) | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    if (!('writer' in value) || !('epoch' in value) || !('formatVersion' in value)) return undefined
    const { writer, epoch, formatVersion: version } = value
    if (typeof writer !== 'string' || !/^[0-9a-f]{16}$/.test(writer)) return undefined
    if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1 || epoch >= maxEpoch)
      return undefined
    if (typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined
    return { writer, epoch, formatVersion: version }
  } catch {
    return undefined
  }
}

async function readText(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  try {
    const file = await fileSystem.open(path, 'read')
    try {
      const buffer = Buffer.alloc(4096)
      return buffer.toString('utf8', 0, await file.read(buffer, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw new SidecarError('JOURNAL_BROKEN', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
