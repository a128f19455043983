/**
 * That what is measured is also right: every record that was sent is in exactly one blob, unchanged, and every blob is one gzip member. Not
 * timed.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Corpus, type Form, headersOf } from './corpus.ts'
import { readOneMember } from './gzip-member.ts'
import { NullKusto } from './null-kusto-process.ts'
import { Scope } from './scope.ts'
import { Subject, type SubjectSettings } from './subject.ts'

export type VerificationOrder = SubjectSettings & {
  readonly form: Form
  readonly bodyBytes: number
  readonly totalRawBytes: number
}

export type Verified = { readonly records: number; readonly blobs: number; readonly blobBytes: number }

const connections = 8

/** By its id, each record as JSON. */
type Records = Map<string, string>

/** Rejects with the first thing that is wrong. */
export async function verify(order: VerificationOrder): Promise<Verified> {
  await using scope = new Scope()
  const [directory, blobsDirectory] = [await scope.directory(), await scope.directory()]
  const kusto = await NullKusto.start(scope, { keep: blobsDirectory })
  const subject = await Subject.start(scope, directory, kusto.url, order)
  const sent = await send(subject, order)
  await subject.settle(sent.size)
  return await compare(sent, blobsDirectory)
}

/** Records are identified by `trace`, 32 random digits. */
async function send(
  { port }: Subject,
  { form, bodyBytes, totalRawBytes }: VerificationOrder,
): Promise<Records> {
  const corpus = new Corpus('mix', 4)
  const sent: Records = new Map()
  let sentBytes = 0
  const post = async (): Promise<void> => {
    while (sentBytes < totalRawBytes) {
      const { bytes, rawBytes, records } = corpus.distinctBody(form, bodyBytes)
      sentBytes += rawBytes
      for (const record of records) sent.set(idOf(record), JSON.stringify(record))
      const url = `http://127.0.0.1:${port}/ingest/Bench/Table0`
      const answer = await fetch(url, { method: 'POST', body: bytes, headers: headersOf(form) })
      if (!answer.ok) throw new Error(`a body was answered ${answer.status}: ${await answer.text()}`)
      await answer.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: connections }, post))
  return sent
}

function idOf(record: Record<string, unknown>): string {
  return record['trace'] as string
}

async function compare(sent: Records, directory: string): Promise<Verified> {
  const missing = new Map(sent)
  let blobs = 0
  let blobBytes = 0
  for (const name of await readdir(directory)) {
    // Blocks, of which blobs were made.
    if (name.startsWith('.')) continue
    const file = await readFile(join(directory, name))
    blobs += 1
    blobBytes += file.length
    for (const line of readOneMember(file).toString().split('\n')) {
      if (line === '') continue
      const record = JSON.parse(line) as Record<string, unknown>
      const id = idOf(record)
      const expected = missing.get(id)
      if (expected === undefined)
        throw new Error(`${name}: ${sent.has(id) ? 'twice' : 'never sent'}: ${line}`)
      if (JSON.stringify(record) !== expected)
        throw new Error(`${name}: changed: ${line}, sent as ${expected}`)
      missing.delete(id)
    }
  }
  if (missing.size > 0) throw new Error(`${missing.size} of ${sent.size} records are in no blob`)
  return { records: sent.size, blobs, blobBytes }
}
