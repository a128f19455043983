import type { FileSystem, Random } from '../core/ports.ts'
import { SidecarError, messageOf, systemCodeOf } from '../core/errors.ts'
import { epochOf } from './file-names.ts'

/** Who writes to this journal: a random name made once, and a number that grows at every start. */
export type WriterIdentity = { readonly writer: string; readonly epoch: number }

/** What `writer.json` says. */
export type KnownWriter = WriterIdentity & {
  /** The file was made elsewhere: the directory, or at least this file, is a copy. */
  readonly isCopy: boolean
}

const fileName = 'writer.json'
/** Of this file; those of batches have their own. */
const formatVersion = 1
/** Nobody starts so often; a larger number is damage, and would outgrow the names of files. */
const maxEpoch = 99_999_999

/**
 * The identity for this start: the writer of the directory, or a new one when there is none or the directory is a copy, and the next
 * epoch. Nothing is written yet. Rejects with JOURNAL_BROKEN, JOURNAL_VERSION_UNSUPPORTED, or what `onCopy` rejects with.
 */
export async function nextIdentity(
  fileSystem: FileSystem,
  directory: string,
  random: Random,
  onCopy: () => Promise<void>,
): Promise<WriterIdentity> {
  const previous = await readWriter(fileSystem, directory)
  if (previous?.isCopy === true) await onCopy()
  // Files may be older than the identity, when a person moved a damaged one away: their names must not be taken again.
  const epochs = (await fileSystem.list(directory)).map(epochOf).filter((epoch) => epoch < maxEpoch)
  const writer = previous === undefined || previous.isCopy ? random.hex(8) : previous.writer
  return { writer, epoch: Math.max(previous?.epoch ?? 0, ...epochs) + 1 }
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
    const text = JSON.stringify({ formatVersion, ...identity, file: await file.identity() })
    await file.write([Buffer.from(`${text}\n`)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await fileSystem.rename(temporary, `${directory}/${fileName}`)
  await fileSystem.syncDirectory(directory)
}

/** Undefined when there is no `writer.json`. Rejects with JOURNAL_BROKEN or JOURNAL_VERSION_UNSUPPORTED. */
export async function readWriter(
  fileSystem: FileSystem,
  directory: string,
): Promise<KnownWriter | undefined> {
  const path = `${directory}/${fileName}`
  const content = await readContent(fileSystem, path)
  if (content === undefined) return undefined
  const found = parseIdentity(content.text)
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
  const { writer, epoch, file } = found
  // Earlier programs did not note which file it is.
  return { writer, epoch, isCopy: file !== undefined && !isSameFile(file, content.identity) }
}

/** Whether two identities of files are of the same one. What only one of them tells does not count. */
function isSameFile(one: string, other: string): boolean {
  const parts = other.split('-')
  return one.split('-').every((part, index) => parts[index] === undefined || parts[index] === part)
}

type WrittenIdentity = WriterIdentity & { formatVersion: number; file: string | undefined }

function parseIdentity(text: string): WrittenIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    if (!('writer' in value) || !('epoch' in value) || !('formatVersion' in value)) return undefined
    const { writer, epoch, formatVersion: version } = value
    if (typeof writer !== 'string' || !/^[0-9a-f]{16}$/.test(writer)) return undefined
    if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1 || epoch >= maxEpoch)
      return undefined
    if (typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined
    const file = 'file' in value && typeof value.file === 'string' ? value.file : undefined
    return { writer, epoch, formatVersion: version, file }
  } catch {
    return undefined
  }
}

async function readContent(
  fileSystem: FileSystem,
  path: string,
): Promise<{ text: string; identity: string } | undefined> {
  try {
    const file = await fileSystem.open(path, 'read')
    try {
      const buffer = Buffer.alloc(4096)
      const text = buffer.toString('utf8', 0, await file.read(buffer, 0))
      return { text, identity: await file.identity() }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw new SidecarError('JOURNAL_BROKEN', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
