import { hash } from 'node:crypto'
import type { Clock, FileSystem, Timer } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'

/** A file and the key of the configuration that names it, for messages. */
type NamedFile = { readonly key: string; readonly path: string }

export type FileWatchOptions = {
  /** They are used together: a change of one is a change of all. */
  readonly files: readonly NamedFile[]
  /** A larger file cannot be used. */
  readonly maxBytes: number
  /** Takes the contents into use, in the order of `files`. Throws an Error that says what is wrong with them, and then changes nothing. */
  readonly apply: (contents: readonly Buffer[]) => void
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** What all watched files of a listener need. */
export type FileWatchTools = Pick<FileWatchOptions, 'fileSystem' | 'clock' | 'log' | 'metrics'>

type Seen = { readonly contents: readonly Buffer[] } | { readonly problem: string }

const intervalMs = 2_000
/** A change counts when it is seen twice: a file may be read in the middle of being written, or before the one it belongs to. */
const confirmMs = 200

/**
 * Files with credentials or certificates that somebody replaces while the sidecar runs. They are read, not watched by the system:
 * that works with every volume, also where Kubernetes swaps a link.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  /** What was last applied, or last refused. */
  #known: string
  /** What differs from it, seen once. */
  #unconfirmed: string | undefined
  #failuresCount = 0
  #timer: Timer | undefined
  #isStopped = false

  private constructor(options: FileWatchOptions, known: string) {
    this.#options = options
    this.#known = known
  }

  /** Applies the files. Rejects with PROCESS_START_FAILED, which names their keys, when they cannot be used. */
  static async start(options: FileWatchOptions): Promise<FileWatch> {
    const seen = await readAll(options)
    const problem = use(options, seen)
    if (problem !== undefined) throw new SidecarError('PROCESS_START_FAILED', `${problem}.`)
    const watch = new FileWatch(options, fingerprint(seen))
    watch.#checkAfter(intervalMs)
    return watch
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #checkAfter(delayMs: number): void {
    if (this.#isStopped) return
    this.#timer = this.#options.clock.after(delayMs, () => void this.#check())
  }

  async #check(): Promise<void> {
    const seen = await readAll(this.#options)
    if (this.#isStopped) return
    const now = fingerprint(seen)
    const isChanged = now !== this.#known
    if (isChanged && now === this.#unconfirmed) {
      this.#known = now
      this.#unconfirmed = undefined
      this.#change(seen)
    } else this.#unconfirmed = isChanged ? now : undefined
    this.#checkAfter(this.#unconfirmed === undefined ? intervalMs : confirmMs)
  }

  #change(seen: Seen): void {
    const { log, files } = this.#options
    const keys = files.map(({ key }) => key)
    const problem = use(this.#options, seen)
    if (problem === undefined) {
      log.info({ event: 'http.file_reloaded', keys }, 'Files were read again and are in use.')
      return
    }
    this.#failuresCount += 1
    this.#options.metrics.httpFileErrors.inc()
    log.error(
      { event: 'http.file_unusable', keys, failuresCount: this.#failuresCount },
      `${problem}. What was read before stays in use.`,
    )
  }
}

/** Answers what is wrong, without a full stop. */
function use({ files, apply }: FileWatchOptions, seen: Seen): string | undefined {
  if ('problem' in seen) return seen.problem
  try {
    apply(seen.contents)
    return undefined
  } catch (error) {
    return `${files.map(({ key, path }) => `${key} (${path})`).join(', ')}: ${messageOf(error)}`
  }
}

async function readAll({ files, fileSystem, maxBytes }: FileWatchOptions): Promise<Seen> {
  const contents: Buffer[] = []
  for (const { key, path } of files) {
    try {
      contents.push(await readFile(fileSystem, path, maxBytes))
    } catch (error) {
      return { problem: `${key}: ${path} cannot be read: ${messageOf(error)}` }
    }
  }
  return { contents }
}

async function readFile(fileSystem: FileSystem, path: string, maxBytes: number): Promise<Buffer> {
  const file = await fileSystem.open(path, 'read')
  try {
    const buffer = Buffer.alloc(maxBytes + 1)
    const bytesCount = await file.read(buffer, 0)
    if (bytesCount > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`)
    return buffer.subarray(0, bytesCount)
  } finally {
    await file.close()
  }
}

function fingerprint(seen: Seen): string {
  const parts =
    'problem' in seen ? [seen.problem] : seen.contents.map((content) => hash('sha256', content, 'hex'))
  return parts.join(' ')
}
