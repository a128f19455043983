import { batchIdOf } from '../core/batch-id.ts'
import type { Destination } from '../core/destination.ts'

export const openSuffix = '.open'
export const sealedSuffix = '.batch'
export const corruptSuffix = '.corrupt'
export const keysSuffix = '.keys'

/** Sorts by age. Database and table are for people only, so anything unusual in them becomes `_`. */
export function batchFileName(epoch: number, sequence: number, destination: Destination): string {
  return `${orderedName(epoch, sequence)}.${readable(destination.database)}.${readable(destination.table)}`
}

export function orderedName(epoch: number, sequence: number): string {
  return `${String(epoch).padStart(8, '0')}-${String(sequence).padStart(10, '0')}`
}

/** The epoch in the name of any file of a batch; 0 for every other file. */
export function epochOf(name: string): number {
  return Number(/^(\d{8,})-\d{10,}\./.exec(name)?.[1] ?? 0)
}

/** The id of the batch of a file whose header cannot be read, as far as its name tells: without the nonce. */
export function idFromName(writer: string, path: string): string {
  const [, epoch, sequence] = /(\d{8,})-(\d{10,})\.[^/]*$/.exec(path) ?? []
  return batchIdOf({ writer, epoch: Number(epoch), nonce: undefined, sequence: Number(sequence) })
}

export function isBatchFile(name: string): boolean {
  return /^\d{8,}-\d{10,}\..*\.(open|batch)$/.test(name)
}

/** What a name in the directory stands for. `leftover`: of a start that was cut short; `foreign`: not of a journal. */
export type FileKind = BatchFileKind | 'keys' | 'writer' | 'lock' | 'leftover' | 'foreign'

/** `corrupt`: found damaged and set aside. */
export type BatchFileKind = 'open' | 'sealed' | 'corrupt'

export function kindOf(name: string): FileKind {
  if (name === 'writer.json') return 'writer'
  if (name === 'lock.sock') return 'lock'
  if (name === 'writer.json.new' || /^lock\.(?:sock\.)?[0-9a-f]{8}$/.test(name)) return 'leftover'
  if (epochOf(name) === 0) return 'foreign'
  if (name.endsWith(openSuffix)) return 'open'
  if (name.endsWith(sealedSuffix)) return 'sealed'
  if (name.endsWith(corruptSuffix)) return 'corrupt'
  return name.endsWith(keysSuffix) ? 'keys' : 'foreign'
}

function readable(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)
}
