/**
 * Log records made with a seed, all with varied values: the same seed gives the same bytes. Deflate level 1 makes about a fourth of them,
 * which is on the hard side; real logs repeat more.
 */
import { encode } from '@msgpack/msgpack'
import { gzipSync } from 'node:zlib'
import { SeededRandom } from '../fakes/seeded-random.ts'

/** `app` lines of 300 bytes, `access` logs of 1 KB, nested `kubernetes` records of 2 KB, a mix, or flat records of so many bytes. */
export type Kind = 'app' | 'access' | 'kubernetes' | 'mix' | `${number}B`

export const forms = ['ndjson', 'array', 'ndjson+gzip', 'msgpack'] as const
export type Form = (typeof forms)[number]

/** A request body, and where a load generator may write what makes each request another one. */
export type Body = {
  readonly bytes: Buffer
  readonly recordsCount: number
  /** Bytes of the records as NDJSON: what all forms are compared by. */
  readonly rawBytes: number
  /** `saltLength` bytes: hex digits in the first record, or of a gzip body the time in its header. */
  readonly saltOffset: number
  readonly saltLength: number
}

type DistinctBody = Pick<Body, 'bytes' | 'rawBytes'> & {
  readonly records: readonly Record<string, unknown>[]
}

/** Stands in the first record of each body, to be written over. */
const salt = '5a17000000005a17'

const words =
  'request served from cache after retry because upstream pool was exhausted user session token refreshed payment order created shipment delayed worker picked job queue flushed index rebuilt replica lagging behind primary checkpoint written connection reset by peer timeout while reading response header'.split(
    ' ',
  )
const levels = ['INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR']
const loggers = [
  'com.example.shop.OrderService',
  'com.example.shop.http.RetryingClient',
  'com.example.shop.Worker',
]
const services = ['checkout', 'catalog', 'search', 'billing', 'identity', 'gateway', 'mailer', 'reports']
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148',
  'kube-probe/1.31',
  'Grüße/1.0 (curl; größer)',
]

/** Makes records one after the other. */
export class Corpus {
  readonly #random: SeededRandom
  readonly #kind: Kind
  #number = 0

  constructor(kind: Kind, seed: number) {
    this.#kind = kind
    this.#random = new SeededRandom(seed)
  }

  record(id = ''): Record<string, unknown> {
    this.#number += 1
    if (this.#kind !== 'mix') return this.#of(this.#kind, id)
    const place = this.#random.next()
    return this.#of(place < 0.5 ? 'app' : place < 0.8 ? 'access' : 'kubernetes', id)
  }

  /** A body of about `bytesCount` bytes of NDJSON; always at least one record. */
  body(form: Form, bytesCount: number): Body {
    const { bytes, rawBytes, records } = this.#bodyOf(this.record(salt), form, bytesCount)
    const isGzip = form === 'ndjson+gzip'
    return {
      bytes,
      recordsCount: records.length,
      rawBytes,
      saltOffset: isGzip ? 4 : bytes.indexOf(salt),
      saltLength: isGzip ? 4 : salt.length,
    }
  }

  /** The same to be sent as it is, and what is in it. Records have ids of their own, but for flat ones. */
  distinctBody(form: Form, bytesCount: number): DistinctBody {
    return this.#bodyOf(this.record(), form, bytesCount)
  }

  #bodyOf(first: Record<string, unknown>, form: Form, bytesCount: number): DistinctBody {
    const records = [first]
    const lines = [JSON.stringify(first)]
    let rawBytes = Buffer.byteLength(lines[0] as string) + 1
    for (;;) {
      const record = this.record()
      const line = JSON.stringify(record)
      const lineBytes = Buffer.byteLength(line) + 1
      if (rawBytes + lineBytes > bytesCount) break
      records.push(record)
      lines.push(line)
      rawBytes += lineBytes
    }
    return { bytes: bytesOf(form, lines, records), rawBytes, records }
  }

  #of(kind: Exclude<Kind, 'mix'>, id: string): Record<string, unknown> {
    const date = 1_763_990_000 + this.#number / 1000
    const trace = id === '' ? this.#hex(32) : id
    const service = this.#pick(services)
    if (kind === 'app') {
      const message = `${this.#words(9)} id=${this.#integer(1e6)} in ${this.#integer(5000)} ms`
      const thread = `http-nio-8080-exec-${this.#integer(64)}`
      const place = { logger: this.#pick(loggers), line: this.#integer(900), thread }
      return { date, level: this.#pick(levels), service, trace, message, ...place }
    }
    if (kind === 'access') return { date, service, trace, ...this.#access() }
    if (kind === 'kubernetes')
      return { date, log: this.#log(), stream: 'stdout', trace, kubernetes: this.#pod(service) }
    return this.#flat(Number(kind.slice(0, -1)), id)
  }

  /** As JSON about `bytesCount` bytes, with the end of its line. */
  #flat(bytesCount: number, id: string): Record<string, unknown> {
    const n = 1000 + (this.#number % 9000)
    const start = id === '' ? { n } : { id, n }
    const missing = bytesCount - JSON.stringify(start).length - 1
    if (missing < 12) return start
    let text = ''
    while (text.length < missing) text += `${this.#words(9)} id=${this.#hex(8)} `
    return { ...start, text: text.slice(0, missing - 10) }
  }

  #log(): string {
    return `time="2026-11-25T0${this.#integer(9)}:00:00Z" level=${this.#pick(levels)} msg="${this.#words(55)}" took=${this.#integer(900)}ms`
  }

  #access(): Record<string, unknown> {
    const path = `/api/v${this.#integer(3)}/${this.#pick(words)}/${this.#hex(8)}`
    return {
      remote: `10.${this.#integer(255)}.${this.#integer(255)}.${this.#integer(255)}`,
      method: this.#pick(['GET', 'GET', 'POST', 'PUT']),
      path,
      query: `q=${this.#pick(words)}+${this.#pick(words)}&page=${this.#integer(50)}&session=${this.#hex(40)}`,
      status: this.#pick([200, 200, 200, 304, 404, 500]),
      bytes: this.#integer(1e6),
      seconds: this.#integer(1e6) / 1e6,
      agent: this.#pick(agents),
      referrer: `https://www.example.com${path}?utm=${this.#hex(16)}`,
      headers: {
        accept: 'application/json, text/plain;q=0.9, */*;q=0.8',
        'accept-encoding': this.#pick(['gzip, deflate, br', 'gzip']),
        'accept-language': this.#pick(['de-DE,de;q=0.9,en;q=0.7', 'en-US,en;q=0.9']),
        'cache-control': 'no-cache',
        'x-forwarded-proto': 'https',
        'x-request-id': this.#hex(32),
      },
      upstream: {
        cluster: 'outbound|8080||catalog.production.svc.cluster.local',
        attempts: this.#integer(3),
      },
      note: this.#words(24),
    }
  }

  #pod(service: string): Record<string, unknown> {
    return {
      pod_name: `${service}-${this.#hex(10)}-${this.#hex(5)}`,
      namespace_name: this.#pick(['production', 'staging', 'default']),
      pod_id: `${this.#hex(8)}-${this.#hex(4)}-${this.#hex(4)}-${this.#hex(12)}`,
      labels: {
        app: service,
        'pod-template-hash': this.#hex(10),
        version: `v1.${this.#integer(30)}.${this.#integer(9)}`,
        team: this.#pick(words),
      },
      annotations: {
        'kubernetes.io/config.seen': `2026-11-2${this.#integer(9)}T0${this.#integer(9)}:00:00.${this.#integer(1e9)}Z`,
        checksum: this.#hex(32),
        description: this.#words(90),
        'prometheus.io/scrape': 'true',
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
      },
      host: `aks-nodepool1-${this.#integer(1e8)}-vmss00000${this.#integer(9)}`,
      container_name: service,
      docker_id: this.#hex(64),
      container_image: `registry.example.com/${service}@sha256:${this.#hex(64)}`,
      restarts: [this.#integer(3), this.#integer(3), null, true],
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random.next() * items.length)] as Item
  }

  #words(count: number): string {
    return Array.from({ length: count }, () => this.#pick(words)).join(' ')
  }

  #integer(below: number): number {
    return Math.floor(this.#random.next() * below)
  }

  #hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += Math.floor(this.#random.next() * 2 ** 32).toString(16)
    return text.slice(0, digits)
  }
}

function bytesOf(form: Form, lines: readonly string[], records: readonly Record<string, unknown>[]): Buffer {
  switch (form) {
    case 'ndjson':
      return Buffer.from(`${lines.join('\n')}\n`)
    case 'array':
      return Buffer.from(`[${lines.join(',')}]`)
    case 'ndjson+gzip':
      return gzipSync(`${lines.join('\n')}\n`, { level: 6 })
    case 'msgpack':
      return Buffer.concat(records.map((record) => encode([[record['date'], {}], record])))
  }
}

/** The headers with which a body of this form is sent. */
export function headersOf(form: Form): Record<string, string> {
  switch (form) {
    case 'ndjson':
      return { 'content-type': 'application/x-ndjson' }
    case 'array':
      return { 'content-type': 'application/json' }
    case 'ndjson+gzip':
      return { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }
    case 'msgpack':
      return { 'content-type': 'application/msgpack' }
  }
}
