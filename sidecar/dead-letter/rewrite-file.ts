import { crc32 } from 'node:zlib'
import type { File, FileSystem } from '../core/ports.ts'
import { systemCodeOf } from '../core/errors.ts'
import { type FileLine, linesOfFile } from './letter-files.ts'

/** What was read of a file, and which of its lines are no longer needed. */
export type ReadPart = {
  /** Where the lines that go start. */
  readonly positions: ReadonlySet<number>
  /** How many bytes from the start of the file were read, and their CRC-32. */
  readonly bytesCount: number
  readonly crc32: number
}

/** Of a file that is being written anew. Readers do not look at it, and the next start removes it. */
export const rewriteSuffix = '.rewrite'

const writeBytes = 1024 * 1024

/**
 * Takes lines out of a file that nobody appends to. Every other byte stays as it is, damaged lines too; a file without any line left
 * is removed. At every moment either the old or the new content is on the disk, whole.
 *
 * `commit` runs the last step, which must not meet a change of the directory by others in this process. Resolves with by how many bytes
 * the file shrank: 0 when it was taken away, or is not what was read, and stays.
 */
export async function removeLines(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  part: ReadPart,
  commit: (step: () => Promise<number>) => Promise<number>,
): Promise<number> {
  const path = `${directory}/${name}`
  const newPath = `${path}${rewriteSuffix}`
  const copy = new Copy(fileSystem, newPath)
  try {
    await fileSystem.remove(newPath)
    const readBytes = await copyOthers(linesOfFile(fileSystem, path), part, copy)
    if (readBytes === undefined) return 0
    const keptBytes = await copy.finish()
    return await commit(async () => {
      if ((await sizeOf(fileSystem, path)) !== readBytes) return 0
      if (keptBytes === 0) await fileSystem.remove(path)
      else await fileSystem.rename(newPath, path)
      await fileSystem.syncDirectory(directory)
      return readBytes - keptBytes
    })
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return 0
    throw error
  } finally {
    await copy.close()
    await fileSystem.remove(newPath).catch(() => undefined)
  }
}

/** Resolves with the size of the file; undefined when it is another than the one that was read. */
async function copyOthers(
  lines: AsyncIterable<FileLine>,
  part: ReadPart,
  copy: Copy,
): Promise<number | undefined> {
  let crc = 0
  let readBytes = 0
  for await (const { bytes, position, kind } of lines) {
    readBytes = position + bytes.length
    if (readBytes <= part.bytesCount) crc = crc32(bytes, crc)
    const isGone = part.positions.has(position)
    // What was torn alone is no letter, and not worth a file.
    const isNothing = kind === 'torn' && copy.isEmpty
    if (!isGone && !isNothing) await copy.write(bytes)
  }
  return readBytes >= part.bytesCount && crc === part.crc32 ? readBytes : undefined
}

async function sizeOf(fileSystem: FileSystem, path: string): Promise<number> {
  const file = await fileSystem.open(path, 'read')
  return file.size().finally(() => file.close())
}

/** A new file, made when there is something to write. */
class Copy {
  readonly #fileSystem: FileSystem
  readonly #path: string
  #file: File | undefined
  #pending: Buffer[] = []
  #pendingBytes = 0
  #writtenBytes = 0

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem
    this.#path = path
  }

  get isEmpty(): boolean {
    return this.#writtenBytes + this.#pendingBytes === 0
  }

  async write(bytes: Buffer): Promise<void> {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes >= writeBytes) await this.#flush()
  }

  /** Makes it durable; resolves with its size. */
  async finish(): Promise<number> {
    if (this.#pendingBytes > 0) await this.#flush()
    await this.#file?.sync()
    return this.#writtenBytes
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #flush(): Promise<void> {
    this.#file ??= await this.#fileSystem.open(this.#path, 'create')
    await this.#file.write(this.#pending, this.#writtenBytes)
    this.#writtenBytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
  }
}
