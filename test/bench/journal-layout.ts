/**
 * Why the journal has one file for each open batch: the price of a sync over many files against one shared file.
 *
 *   node test/bench/journal-layout.ts [directory]
 *
 * Every round appends the same bytes in all, spread over n files, and makes them durable. Ratios are within one run.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bytesPerRound = 512 * 1024
const rounds = 40

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'journal-layout-'))
try {
  const shared = await measure(1)
  console.log('files  ms/round (median)  ratio to one shared file')
  for (const count of [1, 10, 100, 1000]) {
    const ms = count === 1 ? shared : await measure(count)
    console.log(
      `${String(count).padStart(5)}  ${ms.toFixed(2).padStart(17)}  ${(ms / shared).toFixed(1).padStart(24)}`,
    )
  }
} finally {
  await rm(directory, { recursive: true })
}

async function measure(filesCount: number): Promise<number> {
  const names = Array.from({ length: filesCount }, (_, n) => join(directory, `${filesCount}-${n}`))
  const files = await Promise.all(names.map((name) => open(name, 'w')))
  const part = Buffer.alloc(Math.ceil(bytesPerRound / filesCount), 'x')
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now()
    await Promise.all(
      files.map(async (file) => {
        await file.write(part)
        await file.datasync()
      }),
    )
    times.push(performance.now() - startedAt)
  }
  await Promise.all(files.map((file) => file.close()))
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0
}
