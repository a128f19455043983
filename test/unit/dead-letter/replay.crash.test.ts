import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SidecarError } from '../../../sidecar/core/errors.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { SeededRandom } from '../../fakes/seeded-random.ts'
import { aLetter, recordsIn, start } from './letters.ts'

const groups = [['a', 'b', 'c'], ['d'], ['e', 'f']]
const all = groups.flat()

async function filled(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem()
  for (const group of groups) {
    const store = await start(disk)
    await store.keep(group.map((record) => aLetter(record)))
  }
  return disk
}

/**
 * Replays all but `b`, of which `d` dies again, and ends the world before operation number `deathAt`. Resolves with what was taken and
 * what is then on the disk; without a disk when the replay ended before.
 */
async function replayAndDie(deathAt: number, die: (disk: MemoryFileSystem) => MemoryFileSystem) {
  const disk = await filled()
  const store = await start(disk)
  const taken: string[] = []
  let survivor: MemoryFileSystem | undefined
  let operations = 0
  disk.beforeOperation = () => {
    operations += 1
    if (operations === deathAt) survivor = die(disk)
  }
  const replay = store.replay({ code: 'DECODE_NOT_JSON' }, async ({ bytes, origin }) => {
    const record = bytes.toString()
    if (record === 'b') throw new SidecarError('ROUTE_NOT_FOUND', 'it stays')
    if (record === 'd') await store.keep([aLetter(bytes, { origin })])
    if (survivor === undefined && record !== 'd') taken.push(record)
    return { deadLetters: record === 'd' ? 1 : 0 }
  })
  await replay.catch(() => undefined)
  await store.close()
  return { taken, survivor }
}

describe('a death in the middle of a replay', () => {
  for (const [name, die] of [
    ['kill -9', (disk: MemoryFileSystem) => disk.kill()],
    ['a power cut', (disk: MemoryFileSystem) => disk.crash()],
    ...[1, 2, 3, 4, 5].map(
      (seed) =>
        [
          `a power cut that leaves some of what was not synced (${seed})`,
          (disk: MemoryFileSystem) => disk.crash(new SeededRandom(seed)),
        ] as const,
    ),
  ] as const) {
    it(`loses no letter at any step: ${name}`, async () => {
      let deaths = 0
      for (;;) {
        const { taken, survivor } = await replayAndDie(deaths + 1, die)
        if (survivor === undefined) break
        deaths += 1
        const store = await start(survivor)
        const left = await recordsIn(survivor)
        for (const record of all) {
          assert(left.includes(record) || taken.includes(record), `${record} is lost at step ${deaths}`)
        }
        assert(
          survivor.paths().every((path) => path.endsWith('.ndjson')),
          'leftovers are removed at the start',
        )
        let bytesCount = 0
        for (const path of survivor.paths()) bytesCount += survivor.contentOf(path).length
        assert.equal(store.bytesCount, bytesCount)
        const again: string[] = []
        await store.replay({}, async ({ bytes }) => {
          again.push(bytes.toString())
          return { deadLetters: 0 }
        })
        assert.deepEqual([...new Set([...taken, ...again])].toSorted(), all)
        assert.deepEqual(await recordsIn(survivor), [])
      }
      assert(deaths > 30, `only ${deaths} steps were seen`)
    })
  }
})
