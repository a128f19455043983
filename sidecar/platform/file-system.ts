import assert from 'node:assert/strict'
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { File, FileSystem } from '../core/ports.ts'
import { isDirectoryLocked, lockDirectory } from './directory-lock.ts'

const openFlags = { create: 'wx+', read: 'r', update: 'r+' } as const

/** The real disk, by Node's promises API. Errors are Node's own; the stage that meets one gives it a code. */
export const systemFileSystem: FileSystem = {
  async open(path, mode) {
    return new DiskFile(await open(path, openFlags[mode], 0o600))
  },
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  list: (path) => readdir(path),
  rename: (from, to) => rename(from, to),
  async remove(path) {
    await rm(path, { force: true })
  },
  async syncDirectory(path) {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  lock: lockDirectory,
  isLocked: isDirectoryLocked,
}

class DiskFile implements File {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    let rest = [...buffers]
    let at = position
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, at)
      // A short write is not an error to the kernel. The next call says why (ENOSPC), or continues.
      assert(bytesWritten > 0 || rest.every((buffer) => buffer.length === 0))
      at += bytesWritten
      rest = withoutFirst(rest, bytesWritten)
    }
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    let filled = 0
    while (filled < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, buffer.length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length)
  }

  async size(): Promise<number> {
    const { size } = await this.#handle.stat()
    return size
  }

  /**
   * The number of the inode and, where the kernel tells it, the time of birth: a new volume gives out the same few numbers again. Where it does
   * not tell it, Node gives the time of the last change instead. A change shows which of the two it is.
   */
  async identity(): Promise<string> {
    let stat = await this.#handle.stat({ bigint: true })
    if (stat.birthtimeNs === stat.ctimeNs) {
      await sleep(clockTickMs)
      await this.#handle.chmod(Number(stat.mode & 0o7777n)).catch(() => undefined)
      stat = await this.#handle.stat({ bigint: true })
    }
    const { ino, birthtimeNs, ctimeNs } = stat
    const isBirthKnown = birthtimeNs > 0n && birthtimeNs !== ctimeNs
    return isBirthKnown ? `${ino}-${birthtimeNs}` : String(ino)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Longer than the kernel's clock for files stands still. */
const clockTickMs = 20

function withoutFirst(buffers: readonly Buffer[], bytesCount: number): Buffer[] {
  const rest: Buffer[] = []
  let skip = bytesCount
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      rest.push(buffer.subarray(skip))
      skip = 0
    }
  }
  return rest
}
