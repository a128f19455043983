/** A journal directory as somebody sees it who only reads, while its sidecar may go on. */
import type { File, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import { openIfThere } from './file-ends.ts'
import { kindOf, openSuffix, sealedSuffix, type BatchFileKind } from './file-names.ts'
import { readWriter, type KnownWriter } from './writer-identity.ts'

/** A file with frames. */
export type ListedFile = { readonly name: string; readonly kind: BatchFileKind | 'keys' }

export type Listing = {
  /** Sorted by age. */
  readonly files: readonly ListedFile[]
  readonly leftovers: readonly string[]
  readonly foreign: readonly string[]
  readonly writer: KnownWriter | undefined
  /** Why `writer.json` cannot be read. */
  readonly writerProblem: string | undefined
  /** Whether a sidecar has the directory; undefined when that cannot be found out. */
  readonly isRunning: boolean | undefined
}

/** Rejects with JOURNAL_READ_FAILED when there is no such directory, or it cannot be read. */
export async function listJournal(fileSystem: FileSystem, directory: string): Promise<Listing> {
  const names = await fileSystem.list(directory).catch((cause: unknown) => {
    const message = `The journal directory ${directory} cannot be read: ${messageOf(cause)}`
    throw new SidecarError('JOURNAL_READ_FAILED', message, { cause })
  })
  const found = names.toSorted().map((name) => ({ name, kind: kindOf(name) }))
  const namesOf = (kind: string) => found.filter((one) => one.kind === kind).map(({ name }) => name)
  const identity = await readWriter(fileSystem, directory).then(
    (writer) => ({ writer, writerProblem: undefined }),
    (error: unknown) => ({ writer: undefined, writerProblem: messageOf(error) }),
  )
  return {
    files: found.filter((one): one is ListedFile => isListed(one.kind)),
    leftovers: namesOf('leftover'),
    foreign: namesOf('foreign'),
    isRunning: await fileSystem.isLocked(directory).catch(() => undefined),
    ...identity,
  }
}

function isListed(kind: string): boolean {
  return ['open', 'sealed', 'corrupt', 'keys'].includes(kind)
}

/**
 * Opens a listed file for `work`, closes it, and resolves with what came of it; undefined when it went away, as settled batches do. A file that was
 * sealed since it was listed is found under its new name.
 */
export async function withFile<Result>(
  fileSystem: FileSystem,
  directory: string,
  listed: ListedFile,
  work: (file: File, listed: ListedFile) => Promise<Result>,
): Promise<Result | undefined> {
  const sealedName = listed.name.slice(0, -openSuffix.length) + sealedSuffix
  const later = listed.kind === 'open' ? [{ name: sealedName, kind: 'sealed' as const }] : []
  for (const one of [listed, ...later]) {
    const file = await openIfThere(fileSystem, `${directory}/${one.name}`)
    if (file === undefined) continue
    try {
      return await work(file, one)
    } finally {
      await file.close()
    }
  }
  return undefined
}
