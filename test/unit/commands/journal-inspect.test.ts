import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { systemFileSystem } from '../../../sidecar/platform/file-system.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { NaiveLedger } from '../../fakes/naive-ledger.ts'
import { directory, startStore } from '../../helpers/journal.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { fill, pathOf, run, somewhere } from './journals.ts'

const inspect = ['inspect', '--dir', directory]

type Inspected = {
  writer: string | null
  isRunning: boolean | null
  total: unknown
  destinations: { destination: string; batches: number; records: number }[]
  files: Record<string, unknown>[]
}

async function json(disk: MemoryFileSystem): Promise<Inspected> {
  return JSON.parse((await run([...inspect, '--json'], disk)).output) as Inspected
}

describe('journal inspect', () => {
  it('shows each file with its state and guarantee, the last sending, and totals', async () => {
    const { disk, started } = await somewhere()
    const clock = new ManualClock(started.clock.now() + 3 * 3_600_000)
    const { exitCode, output } = await run(inspect, disk, clock)
    assert.equal(exitCode, 0)
    const lines = output.split('\n')
    assert.match(
      lines[0] ?? '',
      /^Journal \/journal: writer [0-9a-f]{16}, epoch 1; in use by a running sidecar\.$/,
    )
    const words = lines.map((line) => line.trim().replaceAll(/ +/g, ' '))
    const [titles, first, keys, second, third] = words.slice(2)
    assert.equal(titles, 'RECORDS RAW BYTES COMPRESSED AGE STATE GUARANTEE DESTINATION BATCH LAST SENDING')
    assert.match(keys ?? '', /^\d+ keys 00000001-0000000001\.keys remembers 3 requests$/)
    assert.match(
      first ?? '',
      /^6 132 \d+ 3h sealed exactly_once Logs\.App \w+:1\.\w+:1 3 at 2026-01-02T00:00:00\.000Z: a\.blob\.core\.windows\.net\/container\/blob\.3\.json\.gz$/,
    )
    assert.match(second ?? '', /^6 132 \d+ 3h sealed at_least_once Logs\.App \w+:1\.\w+:2$/)
    assert.match(third ?? '', /^6 132 \d+ 3h open at_least_once, polled Logs\.Other \w+:1\.\w+:3$/)
    assert.equal(words[8], 'BATCHES RECORDS RAW BYTES COMPRESSED OLDEST DESTINATION')
    assert.match(words[9] ?? '', /^2 12 264 \d+ 3h Logs\.App$/)
    assert.match(words[11] ?? '', /^3 18 396 \d+ total$/)
    assert.match(output, /\n4 files with \d+ bytes\n$/)
    const column = lines[2]?.indexOf('BATCH ')
    for (const line of lines.slice(5, 7)) assert.match(line.slice(column), /^[0-9a-f]{16}:/)
  })

  it('tells the same to machines', async () => {
    const { disk } = await somewhere()
    const { files, destinations, isRunning } = await json(disk)
    assert.equal(isRunning, true)
    assert.deepEqual(
      files.map(({ state, guarantee, records, recordCount, requests }) => [
        state,
        guarantee,
        records ?? recordCount ?? requests,
      ]),
      [
        ['sealed', 'exactly_once', 6],
        ['keys', undefined, 3],
        ['sealed', 'at_least_once', 6],
        ['open', 'at_least_once, polled', 6],
      ],
    )
    assert.deepEqual(files[0]?.['sending'], {
      number: 3,
      blob: 'a.blob.core.windows.net/container/blob.3.json.gz',
      startedAt: '2026-01-02T00:00:00.000Z',
    })
    assert.deepEqual(
      destinations.map(({ destination, batches, records }) => [destination, batches, records]),
      [
        ['Logs.App', 2, 12],
        ['Logs.Other', 1, 6],
      ],
    )
  })

  it('shows what it can of damaged and newer files, and no text that a terminal acts on', async () => {
    const disk = new MemoryFileSystem()
    const started = await startStore(disk, { ledger: new NaiveLedger() })
    await started.store.recover()
    await (await fill(started, '\x1b[2Jevil')).seal()
    await started.store.close()
    const path = await pathOf(disk, '.batch')
    const bytes = disk.contentOf(path)
    disk.place(`${directory}/00000001-0000000008.x.open`, bytes.subarray(0, bytes.length - 100))
    disk.place(`${directory}/00000001-0000000009.x.batch.corrupt`, 'no header')
    disk.place(`${directory}/writer.json`, 'damaged')
    const { exitCode, output } = await run(inspect, disk)
    assert.equal(exitCode, 0)
    // oxlint-disable-next-line no-control-regex -- that is what is looked for
    assert.doesNotMatch(output, /[\x00-\x09\x0b-\x1f]/)
    assert.match(output, /unknown writer; no sidecar uses it\.\n\/journal\/writer\.json is damaged/)
    assert.match(
      output,
      /corrupt +00000001-0000000009\.x\.batch\.corrupt +unreadable: its header is not whole/,
    )
    assert.match(output, / 4 +88 .* open /)
  })

  it('finds the directory by the configuration, and says when there is none', async (t) => {
    const home = await temporaryDirectory(t)
    const kusto = 'kusto: { cluster_url: "https://c.kusto.windows.net" }'
    await writeFile(`${home}/a.yaml`, `${kusto}\njournal: { directory: "${home}/journal" }\n`)
    await writeFile(`${home}/off.yaml`, `${kusto}\njournal: { enabled: false }\n`)
    const words = ['inspect', '--config', `${home}/a.yaml`]
    await assert.rejects(run(words, systemFileSystem), {
      code: 'JOURNAL_READ_FAILED',
      message: /journal cannot be read: ENOENT/,
    })
    await assert.rejects(run(['inspect', '--config', `${home}/off.yaml`], systemFileSystem), {
      code: 'CONFIG_INVALID',
    })

    const { store } = await startStore(systemFileSystem, {
      directory: `${home}/journal`,
      ledger: new NaiveLedger(),
    })
    assert.match(
      (await run(words, systemFileSystem)).output,
      /no writer yet; in use by a running sidecar\.\n\nIt is empty/,
    )
    await (await fill({ store }, 'App')).seal()
    await store.close()
    const { output } = await run(words, systemFileSystem)
    assert.match(output, /no sidecar uses it\.\n/)
    assert.match(output, /\b6 +132 /)
  })

  it('leaves out files that go away meanwhile, and finds those that are sealed meanwhile', async () => {
    const { disk, started } = await somewhere()
    const open = await pathOf(disk, '.open')
    const sealed = await pathOf(disk, '1.Logs.App.batch')
    disk.beforeOperation = async (operation, path) => {
      if (operation !== 'open') return
      disk.beforeOperation = undefined
      await disk.remove(sealed)
      await disk.rename(open, open.replace('.open', '.batch'))
      assert.match(path, /writer\.json$/)
    }
    const { files } = await json(disk)
    assert.deepEqual(
      files.map(({ state, recordCount }) => [state, recordCount]),
      [
        ['keys', undefined],
        ['sealed', 6],
        ['sealed', 6],
      ],
    )
    await started.store.close()
  })
})
