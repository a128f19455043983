import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { runDeadLetter } from '../../../sidecar/commands/dead-letter.ts'
import { parseArguments } from '../../../sidecar/config/arguments.ts'
import type { FileSystem } from '../../../sidecar/core/ports.ts'
import { systemFileSystem } from '../../../sidecar/platform/file-system.ts'
import { ManualClock } from '../../fakes/manual-clock.ts'
import { MemoryFileSystem } from '../../fakes/memory-file-system.ts'
import { onCleanup } from '../../helpers/cleanup.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { aDestination } from '../../helpers/batches.ts'
import { aLetter, directory, start } from '../dead-letter/letters.ts'

/** Runs the words behind `kusto-sidecar dead-letter`. */
async function run(words: readonly string[], fileSystem: FileSystem = new MemoryFileSystem()) {
  const command = parseArguments(['dead-letter', ...words])
  assert(
    command.name === 'dead-letter list' ||
      command.name === 'dead-letter show' ||
      command.name === 'dead-letter replay',
  )
  let output = ''
  const write = async (text: string) => {
    output += text
  }
  const exitCode = await runDeadLetter(command, { fileSystem, clock: new ManualClock(), env: {}, write })
  return { exitCode, output }
}

const oldLine =
  '{"time":"2020-01-01T00:00:00.000Z","code":"OLD","reason":"r","destination":"Logs.Old","record":"old"}\n'

/** Letters at 03:04:05 and an hour later, one of an earlier version, a damaged line and a torn one. */
async function somewhere(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem()
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 2, 4, 5))
  const store = await start(disk, { clock })
  await store.keep([aLetter('{"a":nan}'), aLetter('\x1b[2Jevil\nsecond', { reason: 'with \x07 bell' })])
  clock.advance(3_600_000)
  const origin = {
    kind: 'request',
    head: { path: '/x', tag: 't', contentType: 'c', contentEncoding: 'gzip' },
  } as const
  await store.keep([
    aLetter(Buffer.from([0x1f, 0x8b, 0xff]), { code: 'HTTP_ENCODING_BROKEN', destination: '/x', origin }),
    aLetter('{"n":1}', {
      code: 'KUSTO_BLOB_REFUSED',
      origin: { kind: 'batch', destination: aDestination() },
    }),
  ])
  disk.place(`${directory}/20200101T000000Z-1.ndjson`, `${oldLine}{damaged\n{"torn`)
  return disk
}

/** An admin listener that answers this; remembers what it was asked. */
async function admin(t: TestContext, status: number, answer: string) {
  const asked: { url: string | undefined; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    asked.push({
      url: `${request.method} ${request.url}`,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    })
    response.writeHead(status).end(answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('dead-letter list', () => {
  it('counts by destination and code, with totals, the place and what is damaged', async () => {
    const { exitCode, output } = await run(['list', '--dir', directory], await somewhere())
    assert.equal(exitCode, 0)
    const lines = output.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '))
    assert.equal(lines[0], 'LETTERS BYTES FIRST LAST CODE DESTINATION A REASON')
    assert.equal(
      lines[1],
      '2 24 2026-01-02T02:04:05.000Z 2026-01-02T02:04:05.000Z DECODE_NOT_JSON Logs.App why',
    )
    assert(
      lines.includes('1 3 2026-01-02T03:04:05.000Z 2026-01-02T03:04:05.000Z HTTP_ENCODING_BROKEN /x why'),
    )
    assert(lines.includes('5 37 total'))
    assert.match(output, /2 files with \d+ bytes in \/dead\n1 damaged line left out\n$/)
  })

  it('filters, and says how many there are besides', async () => {
    const disk = await somewhere()
    const json = async (...words: string[]) => {
      const { output } = await run(['list', '--dir', directory, '--json', ...words], disk)
      return (JSON.parse(output) as { groups: { code: string; count: number }[] }).groups.map(
        ({ code }) => code,
      )
    }
    assert.deepEqual(await json('--since', '30m'), ['HTTP_ENCODING_BROKEN', 'KUSTO_BLOB_REFUSED'])
    assert.deepEqual(await json('--until', '2025-01-01'), ['OLD'])
    assert.deepEqual(await json('--code', 'DECODE_NOT_JSON'), ['DECODE_NOT_JSON'])
    assert.deepEqual(await json('--destination', '/x'), ['HTTP_ENCODING_BROKEN'])
    const { output } = await run(['list', '--dir', directory, '--code', 'DECODE_NOT_JSON'], disk)
    assert.match(output, /; 2 of 5 letters selected/)
    assert.match(
      (await run(['list', '--dir', directory, '--code', 'X'], disk)).output,
      /^No dead letters\.\n/,
    )
  })

  it('finds the directory by the configuration', async (t) => {
    const home = await temporaryDirectory(t)
    const store = await start(systemFileSystem, { directory: `${home}/dead` })
    await store.keep([aLetter('x')])
    await writeFile(
      `${home}/a.yaml`,
      `kusto: { cluster_url: "https://c.kusto.windows.net" }\ndead_letter: { directory: "${home}/dead" }\n`,
    )
    const { output } = await run(['list', '--config', `${home}/a.yaml`, '--json'], systemFileSystem)
    const { total, directory } = JSON.parse(output) as { total: unknown; directory: string }
    assert.deepEqual([total, directory], [{ count: 1, bytes: 1 }, `${home}/dead`])
  })

  it('says when there is no such directory', async () => {
    await assert.rejects(run(['list', '--dir', '/no']), { code: 'DEAD_LETTER_UNREADABLE', message: /\/no/ })
  })
})

describe('dead-letter show', () => {
  it('shows letters one by one, the newest last, with nothing that a terminal acts on', async () => {
    const { exitCode, output } = await run(['show', '--dir', directory], await somewhere())
    assert.equal(exitCode, 0)
    assert.equal(
      output,
      `2020-01-01T00:00:00.000Z  OLD  Logs.Old
  why     r
  from    unknown; a replay needs --to DATABASE/TABLE
  record  3 bytes
    old

2026-01-02T02:04:05.000Z  DECODE_NOT_JSON  Logs.App
  why     why
  from    a request to /ingest/Logs/App
  record  9 bytes
    {"a":nan}

2026-01-02T02:04:05.000Z  DECODE_NOT_JSON  Logs.App
  why     with \\u{7} bell
  from    a request to /ingest/Logs/App
  record  15 bytes
    \\u{1b}[2Jevil
    second

2026-01-02T03:04:05.000Z  HTTP_ENCODING_BROKEN  /x
  why     why
  from    a request to /x, tag t, content type c, encoding gzip
  record  3 bytes
    \\x1f\\x8b\\xff

2026-01-02T03:04:05.000Z  KUSTO_BLOB_REFUSED  Logs.App
  why     why
  from    a batch for Logs/App
  record  7 bytes
    {"n":1}

5 of 5 selected letters in /dead
1 damaged line left out
`,
    )
  })

  it('shows the newest ten, or as many as asked for', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    for (let n = 0; n < 23; n += 1) await store.keep([aLetter(`r${n}`)])
    const shown = async (...words: string[]) => {
      const { output } = await run(['show', '--dir', directory, '--json', ...words], disk)
      return output
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { record: string }).record)
    }
    assert.deepEqual(
      await shown(),
      Array.from({ length: 10 }, (_, n) => `r${n + 13}`),
    )
    assert.deepEqual(await shown('--limit', '3'), ['r20', 'r21', 'r22'])
    assert.equal((await shown('--limit', '1000')).length, 23)
  })

  it('cuts long records, unless all is asked for', async () => {
    const disk = new MemoryFileSystem()
    const store = await start(disk)
    await store.keep([aLetter('x'.repeat(5_000))])
    assert.match(
      (await run(['show', '--dir', directory], disk)).output,
      / {4}x{4096}\n {4}\.\.\. 904 more bytes/,
    )
    assert.match((await run(['show', '--dir', directory, '--full'], disk)).output, / {4}x{5000}\n/)
  })
})

describe('dead-letter replay', () => {
  const done = { replayed: 3, deadAgain: 0, skipped: 0, damagedLines: 0 }

  it('asks the running sidecar with the filter, and prints what came of it', async (t) => {
    const { asked, url } = await admin(t, 200, JSON.stringify(done))
    const { exitCode, output } = await run([
      'replay',
      '--admin',
      url,
      '--code',
      'C',
      '--since',
      '1h',
      '--to',
      'A/B',
      '--limit',
      '9',
    ])
    assert.deepEqual(asked, [
      {
        url: 'POST /-/dead-letter/replay',
        body: { code: 'C', since: '2026-01-02T02:04:05.000Z', to: 'A/B', limit: 9 },
      },
    ])
    assert.deepEqual([exitCode, output], [0, '3 letters replayed, 0 dead again, 0 skipped.\n'])
  })

  for (const [answer, expected] of [
    [{ ...done, deadAgain: 1 }, /3 letters replayed, 1 dead again/],
    [
      { ...done, skipped: 2, skippedBecause: 'why \x1b' },
      /2 letters skipped and still there. why \\u\{1b\}\n/,
    ],
    [
      { ...done, stoppedBecause: { code: 'JOURNAL_FULL', message: 'full' } },
      /Stopped before the end: full \(JOURNAL_FULL\)/,
    ],
  ] as const) {
    it(`ends with 1 after ${JSON.stringify(answer)}`, async (t) => {
      const { url } = await admin(t, 200, JSON.stringify(answer))
      const { exitCode, output } = await run(['replay', '--admin', url])
      assert.equal(exitCode, 1)
      assert.match(output, expected)
      const asJson = await run(['replay', '--admin', url, '--json'])
      assert.equal(asJson.exitCode, 1)
      assert.deepEqual(JSON.parse(asJson.output), answer)
    })
  }

  it('says when no sidecar answers, or another thing does', async (t) => {
    const rejects = (url: string, message: RegExp) =>
      assert.rejects(run(['replay', '--admin', url]), { code: 'ADMIN_FAILED', message })
    await rejects('http://127.0.0.1:1', /No running sidecar answers at http:\/\/127\.0\.0\.1:1/)
    await rejects((await admin(t, 200, 'hello')).url, /no sidecar of this version/)
    await rejects((await admin(t, 200, '{}')).url, /no sidecar of this version/)
    await rejects(
      (await admin(t, 404, '{"error":{"message":"no such path"}}')).url,
      /answered 404: no such path/,
    )
    await rejects((await admin(t, 500, '<html>')).url, /answered 500: no reason/)
  })

  it('finds the admin listener by the configuration, or says what to do', async (t) => {
    const home = await temporaryDirectory(t)
    const { url, asked } = await admin(t, 200, JSON.stringify(done))
    const withAdmin = async (listen: string) => {
      await writeFile(
        `${home}/a.yaml`,
        `kusto: { cluster_url: "https://c.kusto.windows.net" }\nserver: { admin_listen: "${listen}" }\n`,
      )
      return run(['replay', '--config', `${home}/a.yaml`])
    }
    assert.equal((await withAdmin(`0.0.0.0:${new URL(url).port}`)).exitCode, 0)
    assert.equal(asked.length, 1)
    await assert.rejects(withAdmin('off'), { code: 'ADMIN_FAILED', message: /server\.admin_listen is off/ })
    await assert.rejects(withAdmin('127.0.0.1:0'), { code: 'ADMIN_FAILED', message: /--admin URL/ })
  })

  it('only counts with --dry-run', async () => {
    const disk = await somewhere()
    const before = disk.paths().map((path) => disk.contentOf(path))
    const { output, exitCode } = await run(['replay', '--dry-run', '--dir', directory], disk)
    assert.match(
      output,
      /^4 letters would be sent; nothing was done\.\n1 letter skipped and still there\. .*--to/,
    )
    assert.equal(exitCode, 0)
    const all = await run(['replay', '--dry-run', '--dir', directory, '--to', 'a/b', '--json'], disk)
    assert.deepEqual(JSON.parse(all.output), { selected: 5, skipped: 0, damagedLines: 1 })
    const some = await run(['replay', '--dry-run', '--dir', directory, '--limit', '2', '--json'], disk)
    assert.equal((JSON.parse(some.output) as { selected: number }).selected, 2)
    assert.deepEqual(
      disk.paths().map((path) => disk.contentOf(path)),
      before,
    )
  })
})
