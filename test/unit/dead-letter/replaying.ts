/** Stores with letters to replay, and a pipeline that takes them. */
import { SidecarError, type ErrorCode } from '../../../sidecar/core/errors.ts'
import type { Take } from '../../../sidecar/dead-letter/replay.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { aLetter, start } from './letters.ts'

export const oldLine =
  '{"time":"t","code":"DECODE_NOT_JSON","reason":"r","destination":"Logs.App","record":"old"}\n'

/** A disk with a store and these letters, each call of `keep` in a file of its own. */
export async function create(
  groups: readonly (readonly string[])[],
  overrides: Parameters<typeof start>[1] = {},
) {
  const disk = new MemoryFileSystem()
  for (const group of groups) {
    const store = await start(disk)
    await store.keep(group.map((record) => aLetter(record)))
  }
  return { disk, store: await start(disk, overrides) }
}

export function taking(taken: string[], answer: (record: string) => number | ErrorCode = () => 0): Take {
  return async ({ bytes }) => {
    const record = bytes.toString()
    const outcome = answer(record)
    if (typeof outcome === 'string') throw new SidecarError(outcome, `${outcome} happened`)
    taken.push(record)
    return { deadLetters: outcome }
  }
}

export const none = { replayed: 0, deadAgain: 0, skipped: 0, damagedLines: 0 }
