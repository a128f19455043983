/**
 * The requests of settled batches that are still remembered, in files of their own (`.keys`), since the file of a settled batch goes.
 *
 * A segment is appended to, synced before a batch is removed, and itself removed as a whole: once it is older than the window, or once the
 * newer ones hold as many slices as are remembered at most. It is framed as a batch file, without records.
 */
import type { Clock, File, FileSystem } from '../core/ports.ts'
import { SidecarError, messageOf } from '../core/errors.ts'
import type { RequestSlice } from '../core/request-slice.ts'
import { keysSuffix } from './file-names.ts'
import {
  decodeHeaderJson,
  encodeFrameHeader,
  encodeHeaderJson,
  fileHeaderReadBytes,
  formatVersion,
  frameBytesOf,
} from './format.ts'
import { encodeSlices } from './request-format.ts'
import { scanFrames } from './scan.ts'

export type KeyLogOptions = {
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly windowMs: number
  readonly maxKeys: number
  readonly clock: Clock
  /** A name that no file had; resolves once no later process can take it again. */
  readonly nextName: () => Promise<string>
  readonly syncNames: () => Promise<void>
  /** Told of every change of the bytes on the disk. */
  readonly count: (bytesCount: number) => void
  readonly onFatal: (error: SidecarError) => void
}

/** A segment that is full, or was left by an earlier process. */
type Segment = {
  readonly path: string
  readonly sliceCount: number
  readonly fileBytes: number
  readonly closedAtMs: number
}

type ActiveSegment = {
  readonly path: string
  readonly file: File
  readonly openedAtMs: number
  position: number
  frameCount: number
  sliceCount: number
}

const maxSegmentSlices = 20_000

export class KeyLog {
  readonly #options: KeyLogOptions
  readonly #closed: Segment[] = []
  #active: ActiveSegment | undefined
  /** What waits for the write in work, so that batches that settle together share a sync. */
  #waiting: RequestSlice[] = []
  #next: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(options: KeyLogOptions) {
    this.#options = options
  }

  /** The slices of earlier processes. A segment that cannot be understood is left where it is and told to `onDamaged`. */
  async recover(
    names: readonly string[],
    onDamaged: (path: string, error: unknown) => void,
  ): Promise<RequestSlice[]> {
    const found: RequestSlice[] = []
    for (const name of names.filter((name) => name.endsWith(keysSuffix)).sort()) {
      const path = `${this.#options.directory}/${name}`
      try {
        const { requests, fileBytes } = await this.#read(path)
        for (const slice of requests) found.push(slice)
        this.#options.count(fileBytes)
        this.#retire({ path, sliceCount: requests.length, fileBytes })
      } catch (error) {
        if (error instanceof SidecarError && error.disposition === 'fatal') throw error
        onDamaged(path, error)
      }
    }
    return found
  }

  async #read(path: string): Promise<{ requests: readonly RequestSlice[]; fileBytes: number }> {
    const file = await this.#options.fileSystem.open(path, 'read')
    try {
      const start = Buffer.alloc(fileHeaderReadBytes)
      const header = decodeHeaderJson(start.subarray(0, await file.read(start, 0)))
      const fileBytes = await file.size()
      if (header === undefined) return { requests: [], fileBytes }
      const { requests, afterDamage } = await scanFrames(file, header.headerBytes, fileBytes)
      return { requests: [...requests, ...afterDamage.flatMap((frame) => frame.requests)], fileBytes }
    } finally {
      await file.close()
    }
  }

  /** Resolves when the slices are durable. Rejects with JOURNAL_WRITE_FAILED, or with JOURNAL_SYNC_FAILED, which is fatal. */
  keep(slices: readonly RequestSlice[]): Promise<void> {
    for (const slice of slices) this.#waiting.push(slice)
    this.#next ??= this.#last
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        this.#last = this.#write(this.#waiting.splice(0))
        return this.#last
      })
    return this.#next
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined)
    const active = this.#active
    this.#active = undefined
    await active?.file.close().catch(() => undefined)
  }

  async #write(slices: readonly RequestSlice[]): Promise<void> {
    await this.#rotate()
    const active = (this.#active ??= await this.#open())
    const requests = encodeSlices(slices)
    const payload = Buffer.alloc(0)
    const header = encodeFrameHeader(
      { recordCount: 0, rawBytes: 0, rawCrc32: 0, payload, requests: slices },
      requests,
      active.frameCount,
    )
    const frameBytes = frameBytesOf({ payloadBytes: 0, requestsBytes: requests.length })
    try {
      await active.file.write([header, requests], active.position)
    } catch (error) {
      // The next frame goes over what was left of this one.
      throw writeFailed(active.path, error)
    }
    await this.#sync(active)
    active.position += frameBytes
    active.frameCount += 1
    active.sliceCount += slices.length
    this.#options.count(frameBytes)
  }

  async #sync({ file, path }: ActiveSegment): Promise<void> {
    try {
      await file.sync()
    } catch (cause) {
      const message = `The journal file ${path} could not be synced to the disk: ${messageOf(cause)}. The process stops.`
      const error = new SidecarError('JOURNAL_SYNC_FAILED', message, { cause })
      this.#options.onFatal(error)
      throw error
    }
  }

  async #open(): Promise<ActiveSegment> {
    const { fileSystem, directory, clock, nextName, syncNames, count } = this.#options
    const header = encodeHeaderJson({ kind: 'keys' }, formatVersion)
    let path = directory
    let file: File | undefined
    try {
      path = `${directory}/${await nextName()}${keysSuffix}`
      file = await fileSystem.open(path, 'create')
      await file.write([header], 0)
      await syncNames()
    } catch (error) {
      await file?.close().catch(() => undefined)
      if (file !== undefined) await fileSystem.remove(path).catch(() => undefined)
      throw error instanceof SidecarError ? error : writeFailed(path, error)
    }
    count(header.length)
    return {
      path,
      file,
      openedAtMs: clock.monotonic(),
      position: header.length,
      frameCount: 0,
      sliceCount: 0,
    }
  }

  /** Ends a segment that is full or half a window old, and removes those that nobody needs any more. */
  async #rotate(): Promise<void> {
    const { clock, windowMs, maxKeys, fileSystem, count } = this.#options
    const active = this.#active
    const now = clock.monotonic()
    if (
      active !== undefined &&
      (active.sliceCount >= maxSegmentSlices || now - active.openedAtMs > windowMs / 2)
    ) {
      this.#active = undefined
      await active.file.close().catch(() => undefined)
      const { path, sliceCount, position: fileBytes } = active
      this.#retire({ path, sliceCount, fileBytes })
    }
    const newer = () =>
      this.#closed.slice(1).reduce((sum, { sliceCount }) => sum + sliceCount, active?.sliceCount ?? 0)
    for (;;) {
      const oldest = this.#closed[0]
      if (oldest === undefined || (now - oldest.closedAtMs <= windowMs && newer() < maxKeys)) return
      this.#closed.shift()
      // One that cannot be removed now is read again at the next start, which does no harm.
      await fileSystem.remove(oldest.path).catch(() => undefined)
      count(-oldest.fileBytes)
    }
  }

  #retire(segment: Omit<Segment, 'closedAtMs'>): void {
    this.#closed.push({ ...segment, closedAtMs: this.#options.clock.monotonic() })
  }
}

function writeFailed(path: string, cause: unknown): SidecarError {
  const message = `The keys of settled requests could not be written to ${path}: ${messageOf(cause)}`
  return new SidecarError('JOURNAL_WRITE_FAILED', message, { cause })
}
