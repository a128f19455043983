import path from 'node:path'
import { SidecarError } from '../../sidecar/core/errors.ts'
import type { DirectoryLock, File, FileSystem } from '../../sidecar/core/ports.ts'
import { MemoryFile, type Change } from './memory-file.ts'
import type { SeededRandom } from './seeded-random.ts'

export type Operation =
  | 'open'
  | 'write'
  | 'read'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'identity'
  | 'makeDirectory'
  | 'list'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'lock'

/** One planned failure. Without `path`, of any file; `path` is a part of the file's path. */
export type Fault = {
  readonly operation: Operation
  /** What Node would put into `error.code`; EIO by default. */
  readonly code?: string
  readonly path?: string
  /** For `write`: how many bytes reach the file before the error. */
  readonly bytesWritten?: number
  /** How many times it strikes; once by default. */
  readonly times?: number
}

/** A change of directory entries that is not durable yet. */
type EntryChange = {
  readonly directories: readonly string[]
  readonly apply: (entries: Map<string, MemoryFile>) => void
}

/**
 * A FileSystem in memory that knows what would survive a power cut.
 *
 * Content is durable up to the last `sync` of the file; names are durable up to the last `syncDirectory`; directories
 * themselves always survive, which is kinder than a real disk. After a failed `sync` the changes it should have
 * written are never made durable, even when a later `sync` succeeds: Linux does the same.
 */
export class MemoryFileSystem implements FileSystem {
  /**
   * Bytes by which files can still grow before ENOSPC; writing over what is there needs none, truncating and removing give none back.
   * Undefined: no limit.
   */
  freeBytes: number | undefined
  /** Called and awaited before each operation: to count, to hold one back, or to `crash()` at the n-th. */
  beforeOperation: ((operation: Operation, path: string) => Promise<void> | void) | undefined

  /** Handles that are not closed: zero when nothing leaks. */
  openFilesCount = 0

  #entries = new Map<string, MemoryFile>()
  #durableEntries = new Map<string, MemoryFile>()
  #entryChanges: EntryChange[] = []
  #directories = new Set<string>(['/'])
  readonly #faults: { fault: Fault; left: number }[] = []
  readonly #locks = new Set<string>()
  #crashed = false

  /** Plans a failure. Several may wait; the first that fits an operation strikes. */
  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 })
  }

  /**
   * Cuts the power: returns a new file system with what was durable. The old one and its handles reject everything from now on.
   * With `random`, a random prefix of the unsynced changes survives as well, the last one perhaps in part.
   */
  crash(random?: SeededRandom): MemoryFileSystem {
    const survivor = new MemoryFileSystem()
    const entries = new Map(this.#durableEntries)
    const keptChangesCount = random === undefined ? 0 : random.integer(this.#entryChanges.length + 1)
    for (const change of this.#entryChanges.slice(0, keptChangesCount)) change.apply(entries)
    for (const [name, file] of entries) {
      const kept = new MemoryFile(file.contentAfterCrash(random), file.identity)
      survivor.#entries.set(name, kept)
      survivor.#durableEntries.set(name, kept)
    }
    survivor.#directories = new Set(this.#directories)
    this.#crashed = true
    return survivor
  }

  /**
   * Kills the process but not the machine: returns the same disk, with what is unsynced still there and still at risk. This
   * object and its handles reject everything from now on.
   */
  kill(): MemoryFileSystem {
    const survivor = new MemoryFileSystem()
    survivor.#entries = this.#entries
    survivor.#durableEntries = this.#durableEntries
    survivor.#entryChanges = this.#entryChanges
    survivor.#directories = this.#directories
    this.#crashed = true
    return survivor
  }

  /** The content of a file as a reader sees it now; a copy. */
  contentOf(filePath: string): Buffer {
    const file = this.#entries.get(path.resolve(filePath))
    if (file === undefined) throw systemError('ENOENT', 'read', filePath)
    return Buffer.from(file.content)
  }

  /** Puts a new durable file, with its directories, in place: to arrange a test, to damage a file, or to copy one. */
  place(filePath: string, content: Buffer | string): void {
    const resolved = path.resolve(filePath)
    this.#addDirectory(path.dirname(resolved))
    const file = new MemoryFile(Buffer.from(content))
    this.#entries.set(resolved, file)
    this.#durableEntries.set(resolved, file)
  }

  /** All files, sorted. */
  paths(): string[] {
    return [...this.#entries.keys()].toSorted()
  }

  async open(filePath: string, mode: 'create' | 'read' | 'update'): Promise<File> {
    const resolved = path.resolve(filePath)
    await this.before('open', resolved)
    const existing = this.#entries.get(resolved)
    if (mode !== 'create') {
      if (existing === undefined) throw systemError('ENOENT', 'open', resolved)
      return this.#handle(resolved, existing)
    }
    if (existing !== undefined) throw systemError('EEXIST', 'open', resolved)
    if (!this.#directories.has(path.dirname(resolved))) throw systemError('ENOENT', 'open', resolved)
    const created = new MemoryFile()
    this.#change([path.dirname(resolved)], (entries) => entries.set(resolved, created))
    return this.#handle(resolved, created)
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.before('makeDirectory', path.resolve(directory))
    this.#addDirectory(path.resolve(directory))
  }

  async list(directory: string): Promise<string[]> {
    const resolved = path.resolve(directory)
    await this.before('list', resolved)
    if (!this.#directories.has(resolved)) throw systemError('ENOENT', 'scandir', resolved)
    const children = [...this.#entries.keys(), ...this.#directories].filter((child) => child !== '/')
    return children
      .filter((child) => path.dirname(child) === resolved)
      .map((child) => path.basename(child))
      .toSorted()
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [path.resolve(from), path.resolve(to)]
    await this.before('rename', source)
    const file = this.#entries.get(source)
    if (file === undefined || !this.#directories.has(path.dirname(target)))
      throw systemError('ENOENT', 'rename', source)
    this.#change([path.dirname(source), path.dirname(target)], (entries) => {
      entries.delete(source)
      entries.set(target, file)
    })
  }

  async remove(filePath: string): Promise<void> {
    const resolved = path.resolve(filePath)
    await this.before('remove', resolved)
    if (!this.#entries.has(resolved)) return
    this.#change([path.dirname(resolved)], (entries) => entries.delete(resolved))
  }

  async syncDirectory(directory: string): Promise<void> {
    const resolved = path.resolve(directory)
    await this.before('syncDirectory', resolved)
    if (!this.#directories.has(resolved)) throw systemError('ENOENT', 'open', resolved)
    const [synced, waiting] = [[] as EntryChange[], [] as EntryChange[]]
    for (const change of this.#entryChanges)
      (change.directories.includes(resolved) ? synced : waiting).push(change)
    for (const change of synced) change.apply(this.#durableEntries)
    this.#entryChanges = waiting
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const resolved = path.resolve(directory)
    await this.before('lock', resolved)
    if (this.#locks.has(resolved))
      throw new SidecarError('JOURNAL_LOCKED', `${resolved} is locked by another owner.`)
    this.#locks.add(resolved)
    return { release: async () => void this.#locks.delete(resolved) }
  }

  async isLocked(directory: string): Promise<boolean> {
    return this.#locks.has(path.resolve(directory))
  }

  /** Runs the hook and the planned faults. Also used by the handles of this file system. */
  async before(operation: Operation, filePath: string): Promise<void> {
    await this.beforeOperation?.(operation, filePath)
    const fault = operation === 'write' ? undefined : this.#takeFault(operation, filePath)
    if (this.#crashed) throw systemError('EIO', `${operation} after a crash`, filePath)
    if (fault !== undefined) throw systemError(fault.code ?? 'EIO', operation, filePath)
  }

  /** How many of `length` bytes, the last `growth` of them behind the end of the file, may be written, and with what error the write then ends. */
  admit(length: number, growth: number, filePath: string): { bytesCount: number; error: Error | undefined } {
    const fault = this.#takeFault('write', filePath)
    if (fault !== undefined) {
      const bytesCount = Math.min(length, fault.bytesWritten ?? 0)
      return { bytesCount, error: systemError(fault.code ?? 'EIO', 'write', filePath) }
    }
    if (this.freeBytes === undefined) return { bytesCount: length, error: undefined }
    const grown = Math.min(growth, this.freeBytes)
    const bytesCount = length - growth + grown
    this.freeBytes -= grown
    return { bytesCount, error: bytesCount < length ? systemError('ENOSPC', 'write', filePath) : undefined }
  }

  #handle(filePath: string, file: MemoryFile): File {
    this.openFilesCount += 1
    return new MemoryHandle(this, filePath, file)
  }

  #change(directories: readonly string[], apply: EntryChange['apply']): void {
    apply(this.#entries)
    this.#entryChanges.push({ directories, apply })
  }

  #addDirectory(directory: string): void {
    this.#directories.add(directory)
    if (directory !== path.dirname(directory)) this.#addDirectory(path.dirname(directory))
  }

  #takeFault(operation: Operation, filePath: string): Fault | undefined {
    const index = this.#faults.findIndex(
      ({ fault }) => fault.operation === operation && filePath.includes(fault.path ?? ''),
    )
    const planned = this.#faults[index]
    if (planned === undefined) return undefined
    planned.left -= 1
    if (planned.left <= 0) this.#faults.splice(index, 1)
    return planned.fault
  }
}

class MemoryHandle implements File {
  readonly #system: MemoryFileSystem
  readonly #path: string
  readonly #file: MemoryFile
  #isOpen = true

  constructor(system: MemoryFileSystem, filePath: string, file: MemoryFile) {
    this.#system = system
    this.#path = filePath
    this.#file = file
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    await this.#before('write')
    const bytes = Buffer.concat(buffers)
    const growth = Math.min(bytes.length, Math.max(0, position + bytes.length - this.#file.content.length))
    const { bytesCount, error } = this.#system.admit(bytes.length, growth, this.#path)
    this.#apply({ position, bytes: bytes.subarray(0, bytesCount) })
    if (error !== undefined) throw error
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    await this.#before('read')
    return this.#file.content.copy(buffer, 0, Math.min(position, this.#file.content.length))
  }

  async sync(): Promise<void> {
    try {
      await this.#before('sync')
    } catch (error) {
      this.#file.forgetChanges()
      throw error
    }
    this.#file.makeDurable()
  }

  async truncate(length: number): Promise<void> {
    await this.#before('truncate')
    this.#apply({ length })
  }

  async size(): Promise<number> {
    await this.#before('size')
    return this.#file.content.length
  }

  async identity(): Promise<string> {
    await this.#before('identity')
    return this.#file.identity
  }

  async close(): Promise<void> {
    if (this.#isOpen) this.#system.openFilesCount -= 1
    this.#isOpen = false
  }

  #apply(change: Change): void {
    this.#file.apply(change)
  }

  async #before(operation: Operation): Promise<void> {
    if (!this.#isOpen) throw systemError('EBADF', operation, this.#path)
    await this.#system.before(operation, this.#path)
  }
}

function systemError(code: string, operation: string, filePath: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${filePath}'`), { code })
}
