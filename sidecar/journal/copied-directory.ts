/** What is at stake in a journal directory that is a copy of another one; see "A copied directory" in FORMAT.md. */
import type { FileSystem } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import { readHeader } from './file-ends.ts'
import { openSuffix } from './file-names.ts'

type Place = { readonly fileSystem: FileSystem; readonly directory: string; readonly log: Log }

/**
 * Rejects with JOURNAL_COPIED when there is an open batch of exactly-once. Where it was copied from it may have got more records since; then one
 * id, which is the tag in Kusto, names two contents, and Kusto skips the one that comes second. Without one it only warns.
 */
export async function takeCopy({ fileSystem, directory, log }: Place): Promise<void> {
  let count = 0
  for (const name of await fileSystem.list(directory)) {
    if (name.endsWith(openSuffix) && (await isExactlyOnce(fileSystem, `${directory}/${name}`))) count += 1
  }
  if (count === 0) {
    log.warn(
      { event: 'journal.copied' },
      `The journal directory ${directory} is a copy of another one, and gets a writer id of its own. What waits in it is delivered from here too, so records may come twice when the original is still in use.`,
    )
    return
  }
  const batches = count === 1 ? '1 open batch' : `${count} open batches`
  throw new SidecarError(
    'JOURNAL_COPIED',
    `The journal directory ${directory} is a copy of another one, and has ${batches} of exactly-once. If the original goes on, or has gone on after it was copied, both have batches of the same name with different records, and Kusto keeps only one of each: records would be lost. Make sure that the original is not used any more and will not be started again. Then remove ${directory}/writer.json and start again: a new writer id is made, and the batches in this directory are delivered. If the original is still in use, give this sidecar an empty directory instead.`,
  )
}

async function isExactlyOnce(fileSystem: FileSystem, path: string): Promise<boolean> {
  const file = await fileSystem.open(path, 'read')
  try {
    return (await readHeader(file))?.header.settlement?.isExactlyOnce === true
  } finally {
    await file.close()
  }
}
