import type { FileSystem } from '../core/ports.ts'
import { messageOf, systemCodeOf } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { letterFiles } from './letter-files.ts'

export type EvictionOptions = {
  readonly fileSystem: FileSystem
  readonly directory: string
  /** How many bytes may stay. */
  readonly keptBytes: number
  /** How many are there. */
  readonly bytesCount: number
  /** The file that is written to; it stays. */
  readonly path: string | undefined
  readonly log: Log
  readonly metrics: Metrics
}

/**
 * Removes whole files, the oldest first, until few enough bytes are left or no file is. Resolves with how many bytes are left; never
 * rejects: what cannot be removed stays, and is told.
 */
export async function evictOldest(options: EvictionOptions): Promise<number> {
  const { fileSystem, directory, keptBytes, path: currentPath, log, metrics } = options
  let bytesCount = options.bytesCount
  const names = await letterFiles(fileSystem, directory).catch((error: unknown) => {
    log.warn({ event: 'dead_letter.eviction_failed', directory }, messageOf(error))
    return []
  })
  for (const name of names) {
    const path = `${directory}/${name}`
    if (path === currentPath) continue
    if (bytesCount <= keptBytes) break
    try {
      const file = await fileSystem.open(path, 'read')
      const fileBytes = await file.size().finally(() => file.close())
      await fileSystem.remove(path)
      bytesCount -= fileBytes
      metrics.deadLetterEvictedBytes.inc(fileBytes)
      log.warn(
        { event: 'dead_letter.evicted', file: name, bytes: fileBytes },
        'The dead-letter directory is full: its oldest file was removed for new letters (dead_letter.when_full: evict_oldest).',
      )
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') continue
      log.warn({ event: 'dead_letter.eviction_failed', file: name }, messageOf(error))
    }
  }
  return bytesCount
}
