/**
 * A client that behaves as the http sink of Vector 0.58 does on the wire: its bodies, headers, connections, retries, and above all what
 * it throws away. It is a reproduction of facts that were read in Vector's source, not Vector: it has no sources, buffers, templates
 * or adaptive concurrency.
 */
import { Agent, request as httpRequest } from 'node:http'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

/** How records become a body. */
export const vectorForms = ['json', 'ndjson', 'native_json', 'text', 'gelf'] as const
export type VectorForm = (typeof vectorForms)[number]

export const vectorCompressions = ['none', 'gzip', 'zlib', 'zstd', 'snappy'] as const
export type VectorCompression = (typeof vectorCompressions)[number]

/** Why a batch is gone for ever, or that it is safe. */
export type VectorOutcome =
  | { readonly kind: 'delivered'; readonly attempts: number }
  | { readonly kind: 'dropped'; readonly attempts: number; readonly why: string }

/** Time and chance, so that tests need not wait. */
export type VectorClock = {
  readonly sleep: (ms: number) => Promise<unknown>
  /** A number in [0, 1). */
  readonly random: () => number
}

export type VectorSinkOptions = {
  readonly uri: string
  readonly form: VectorForm
  readonly compression?: VectorCompression
  readonly headers?: Readonly<Record<string, string>>
  /** `request.timeout_secs`, for one attempt, until the answer is read. */
  readonly timeoutMs?: number
  readonly clock: VectorClock
}

type Sent =
  { readonly kind: 'answer'; readonly status: number } | { readonly kind: 'broken' | 'timeout' | 'bad-body' }

const defaultTimeoutMs = 60_000
/** The idle time of hyper's connection pool. */
const poolIdleMs = 90_000
const maxBackoffMs = 30_000

/** What the codec and its framing send as Content-Type; those that are left out send none. */
const contentTypes: Partial<Record<VectorForm, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  text: 'text/plain',
}

const contentEncodings: Record<VectorCompression, string | undefined> = {
  none: undefined,
  gzip: 'gzip',
  zlib: 'deflate',
  zstd: 'zstd',
  snappy: 'snappy',
}

export class VectorSink {
  readonly #options: VectorSinkOptions
  readonly #agent = new Agent({ keepAlive: true, timeout: poolIdleMs })

  constructor(options: VectorSinkOptions) {
    this.#options = options
  }

  /** Sends one batch until it is delivered or dropped; every attempt has the same bytes and headers. */
  async send(records: readonly string[]): Promise<VectorOutcome> {
    const body = encodeBody(records, this.#options.form, this.#options.compression ?? 'none')
    const backoff = fibonacciBackoff(this.#options.clock)
    for (let attempts = 1; ; attempts += 1) {
      const sent = await this.#attempt(body)
      const verdict = judge(sent)
      if (verdict === 'delivered') return { kind: 'delivered', attempts }
      if (verdict !== 'retry') return { kind: 'dropped', attempts, why: verdict }
      await backoff()
    }
  }

  /** Its health check: HEAD, and exactly 200. */
  async healthcheck(uri: string): Promise<boolean> {
    const sent = await this.#exchange(uri, 'HEAD', {}, undefined)
    return sent.kind === 'answer' && sent.status === 200
  }

  /** Closes the connections of the pool. */
  close(): void {
    this.#agent.destroy()
  }

  #attempt(body: Buffer): Promise<Sent> {
    const { uri, form, compression = 'none', headers = {} } = this.#options
    const contentType = contentTypes[form]
    const contentEncoding = contentEncodings[compression]
    const own: Record<string, string> = {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
      ...headers,
    }
    return this.#exchange(uri, 'POST', own, body)
  }

  /** One request with a Content-Length and no Expect; no redirect is followed. */
  #exchange(
    uri: string,
    method: 'POST' | 'HEAD',
    headers: Readonly<Record<string, string>>,
    body: Buffer | undefined,
  ): Promise<Sent> {
    const { promise, resolve } = Promise.withResolvers<Sent>()
    const request = httpRequest(uri, {
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        'user-agent': 'Vector/0.58.0 (x86_64-unknown-linux-gnu reproduction)',
        'accept-encoding': 'zstd,gzip,deflate,br',
        ...(body === undefined ? {} : { 'content-length': String(body.length) }),
      },
    })
    const timer = setTimeout(() => {
      resolve({ kind: 'timeout' })
      request.destroy()
    }, this.#options.timeoutMs ?? defaultTimeoutMs)
    request.once('error', () => resolve({ kind: 'broken' }))
    request.once('response', (response) => {
      // The attempt is over when the body is read, and an error then is none that Vector knows how to retry.
      response.once('error', () => resolve({ kind: 'bad-body' }))
      response.once('end', () =>
        resolve(
          response.complete ? { kind: 'answer', status: response.statusCode ?? 0 } : { kind: 'bad-body' },
        ),
      )
      response.resume()
    })
    request.end(body)
    return promise.finally(() => clearTimeout(timer))
  }
}

/** `delivered`, `retry`, or why Vector drops the batch. */
function judge(sent: Sent): string {
  if (sent.kind === 'bad-body') return 'the body of the answer could not be read'
  if (sent.kind !== 'answer') return 'retry'
  const { status } = sent
  if (status >= 200 && status < 300) return 'delivered'
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) return 'retry'
  return `status ${status}`
}

/** Fibonacci with full jitter: a random time up to 1, 2, 3, 5, 8, 13, 21, then always 30 s. */
function fibonacciBackoff({ sleep, random }: VectorClock): () => Promise<void> {
  let current = 1_000
  let next = 2_000
  return async () => {
    const limitMs = Math.min(current, maxBackoffMs)
    ;[current, next] = [next, Math.min(current + next, maxBackoffMs)]
    await sleep(1 + Math.floor(random() * limitMs))
  }
}

/** Records are texts of JSON objects, except for `text`, where each is a line of text. */
export function encodeBody(
  records: readonly string[],
  form: VectorForm,
  compression: VectorCompression,
): Buffer {
  return compressBody(Buffer.from(frame(records, form)), compression)
}

function frame(records: readonly string[], form: VectorForm): string {
  switch (form) {
    case 'json':
      return `[${records.join(',')}]`
    case 'ndjson':
      return records.join('\n')
    case 'native_json':
    case 'text':
      return records.map((record) => `${record}\n`).join('')
    case 'gelf':
      return records.map((record) => `${record}\0`).join('')
  }
}

function compressBody(body: Buffer, compression: VectorCompression): Buffer {
  switch (compression) {
    case 'none':
      return body
    case 'gzip':
      return gzipSync(body)
    case 'zlib':
      return deflateSync(body)
    case 'zstd':
      return zstdCompressSync(body)
    case 'snappy':
      return snappyLiterals(body)
  }
}

/** A raw snappy block, not framed, of literals only: valid, though nothing gets smaller. */
function snappyLiterals(body: Buffer): Buffer {
  const pieces: Buffer[] = [varint(body.length)]
  for (let start = 0; start < body.length; start += 65_536) {
    const literal = body.subarray(start, start + 65_536)
    const length = literal.length - 1
    // Tag 61: a literal whose length less one is in the next two bytes.
    pieces.push(Buffer.from([61 << 2, length & 0xff, length >> 8]), literal)
  }
  return Buffer.concat(pieces)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}
