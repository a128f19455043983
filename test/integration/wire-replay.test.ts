/**
 * Goal: every request that a real Fluent Bit 5.1.1 was seen to send arrives, and its answer is one that Fluent Bit understands.
 * Method: the recorded bytes go to the sidecar through a plain socket, and what arrives in Kusto is compared with what the body
 * says, read here by other means than the sidecar's.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { StandInKusto } from '../fakes/stand-in-kusto.ts'
import { runSidecar } from '../helpers/sidecar.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { waitFor } from '../helpers/wait.ts'
import { parseRequest, type WireRequest } from '../helpers/wire.ts'

const directory = new URL('../wire/fluent-bit-5.1.1/', import.meta.url)
const names = readdirSync(directory)
  .filter((name) => name.endsWith('.http'))
  .map((name) => name.replace(/\.http$/, ''))
/** What the recordings of OTLP, and of everything else, hold. */
const linesCount = 400

/** Writes these bytes to a plain socket. Resolves with what the first read gives. */
async function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    socket.once('data', resolve)
    socket.once('error', reject)
    socket.write(bytes)
    return await promise
  } finally {
    socket.destroy()
  }
}

function assertAnswer(answer: Buffer, isOtlp: boolean): void {
  assert.ok(answer.length < 4_000, 'Fluent Bit takes a longer answer for an error')
  const end = answer.indexOf('\r\n\r\n')
  const head = answer.toString('latin1', 0, end)
  assert.match(head, /^HTTP\/1\.1 200 /)
  assert.match(head, /\r\nContent-Length: \d+(\r\n|$)/, 'spelled as Fluent Bit looks for it')
  const announced = Number(/Content-Length: (\d+)/.exec(head)?.[1])
  assert.equal(answer.length - end - 4, announced, 'head and body come in one read')
  assert.match(head, isOtlp ? /Content-Type: application\/x-protobuf/ : /Content-Type: application\/json/)
}

/** The uncompressed body; undefined for snappy, which Node does not know. */
function plainBody({ headers, body }: WireRequest): Buffer | undefined {
  const encoding = headers.get('content-encoding')
  if (encoding === 'gzip') return gunzipSync(body)
  if (encoding === 'zstd') return zstdDecompressSync(body)
  return encoding === undefined ? body : undefined
}

/** Records of a body with JSON in any of its layouts, each as the text that it is. Strings hold no "}{" or "},{" in the recordings. */
function jsonTexts(body: Buffer): string[] {
  const text = body.toString('utf8').trim().replace(/^\[/, '').replace(/\]$/, '')
  return text.split(/(?<=\})\s*,?\s*(?=\{"(?:date|timestamp|version)")/)
}

async function setUp(t: Parameters<typeof temporaryDirectory>[0]) {
  const kusto = await StandInKusto.start(t)
  const sidecar = await runSidecar(t, {
    kustoUrl: kusto.url,
    directory: await temporaryDirectory(t),
    yaml: `write: { batch_interval_ms: 50 }
routes:
  - { match: { path: logs }, database: Logs, table: App }`,
  })
  return { kusto, sidecar }
}

describe('a recorded request of Fluent Bit', () => {
  it('is there in every format', () => {
    assert.equal(names.length, 13)
  })

  for (const name of names) {
    it(`${name} is answered so that Fluent Bit is content, and arrives`, async (t) => {
      const { kusto, sidecar } = await setUp(t)
      const raw = readFileSync(new URL(`${name}.http`, directory))
      const request = parseRequest(raw)
      const isOtlp = request.path.endsWith('/v1/logs')

      const answer = await exchange(sidecar.address.port, raw)

      assertAnswer(answer, isOtlp)
      const expectedCount = name.startsWith('kubernetes') ? 1 : linesCount
      await waitFor('its records', () => kusto.records().length >= expectedCount)
      const arrived = kusto.records()
      assert.equal(arrived.length, expectedCount)
      compare(request, arrived)
    })
  }

  it('is stored once for each time that it is sent and answered, and with the same bytes', async (t) => {
    const { kusto, sidecar } = await setUp(t)
    const attempts = [1, 2].map((attempt) =>
      readFileSync(new URL(`retried-chunk.attempt-${attempt}.json-lines.http`, directory)),
    )
    for (const attempt of attempts) assertAnswer(await exchange(sidecar.address.port, attempt), false)
    await waitFor('both attempts', () => kusto.records().length === 2 * linesCount)
    assert.deepEqual(kusto.records().slice(0, linesCount), kusto.records().slice(linesCount))
  })
})

function compare(request: WireRequest, arrived: readonly string[]): void {
  const body = plainBody(request)
  for (const text of arrived) assert.equal(typeof JSON.parse(text), 'object')
  if (request.path.endsWith('/v1/logs')) {
    compareOtlp(request.body, arrived)
  } else if (request.headers.get('content-type') === 'application/msgpack') {
    assert.ok(body !== undefined)
    compareMsgpack(body, arrived)
  } else if (body === undefined) {
    // The same log as in the recording without compression, of another moment.
    const others = jsonTexts(readFileBody('default-format')).map((text) => JSON.parse(text) as Row)
    assert.deepEqual(
      arrived.map((text) => withoutDate(JSON.parse(text) as Row)),
      others.map(withoutDate),
    )
  } else {
    assert.deepEqual(arrived, jsonTexts(body), 'records stay as they came')
  }
}

type Row = Record<string, unknown>

function withoutDate(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'date'))
}

function readFileBody(name: string): Buffer {
  return parseRequest(readFileSync(new URL(`${name}.http`, directory))).body
}

function compareMsgpack(body: Buffer, arrived: readonly string[]): void {
  const events = [...decodeMulti(body, { useBigInt64: true })] as [[{ data: Uint8Array }, Row], Row][]
  const wanted = events.map(([, record]) => record)
  const seen = arrived.map((text) => withoutDate(exactJson(text)))
  assert.deepEqual(seen, wanted.map(plainIntegers))
}

/** The texts of the log lines stand in a protobuf body as they are, whatever is around them. */
function compareOtlp(body: Buffer, arrived: readonly string[]): void {
  const lines = jsonTexts(readFileBody('default-format')).map(
    (text) => (JSON.parse(text) as { log: string }).log,
  )
  for (const [n, line] of lines.entries()) {
    assert.ok(body.includes(line), 'the recordings are of the same log')
    assert.ok(arrived[n]?.includes(JSON.stringify(line).slice(1, -1)), `line ${n} in ${arrived[n]}`)
  }
}

/** Integers beyond a double as bigint. */
function exactJson(text: string): Row {
  const revive = (_key: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && /^-?\d{16,}$/.test(source) ? BigInt(source) : value
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as Row
}

/** Integers that a double holds as numbers. */
function plainIntegers(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString().length < 16 ? Number(value) : value
  if (Array.isArray(value)) return value.map(plainIntegers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainIntegers(inner)]))
}
