/**
 * A process that posts bodies over connections that stay open, one request at a time on each, as shippers do. It speaks HTTP by itself on
 * plain sockets, so that it takes little of the machine that it shares with what it measures.
 *
 * Gets a LoadOrder from its parent, and answers with a LoadResult.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Body, Corpus, type Form, headersOf, type Kind } from './corpus.ts'

export type LoadOrder = {
  readonly port: number
  readonly paths: readonly string[]
  readonly kind: Kind
  readonly form: Form
  readonly bodyBytes: number
  readonly connections: number
  /** Ends after about so many bytes of NDJSON. */
  readonly totalRawBytes: number
  /** Requests a second over all connections; 0 is as many as are taken. */
  readonly rate: number
  readonly seed: number
}

export type LoadResult = {
  readonly requests: number
  readonly records: number
  readonly rawBytes: number
  readonly seconds: number
  /** Answers other than 2xx; such a request is sent again. */
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of this process, to see whether it was what held up the rest. */
  readonly loadCpuSeconds: number
}

/** So many different bodies, as far as they fit into `bodiesBytes` together, are sent in turn. */
const bodiesCount = 16
const bodiesBytes = 32e6

if (process.send !== undefined) {
  process.once('message', (order: LoadOrder) => {
    void run(order).then((result) => process.send?.(result, () => process.exit(0)))
  })
}

class Run {
  readonly order: LoadOrder
  readonly latenciesMs: number[] = []
  requests = 0
  records = 0
  rawBytes = 0
  refused = 0
  #sentBytes = 0
  #number = 0
  #startedAt = 0

  constructor(order: LoadOrder) {
    this.order = order
  }

  start(): void {
    this.#startedAt = performance.now()
  }

  /** The number of the next request; undefined when it is enough. */
  next(rawBytes: number): number | undefined {
    if (this.#sentBytes >= this.order.totalRawBytes) return undefined
    this.#sentBytes += rawBytes
    return this.#number++
  }

  /** How long to wait before the request with this number. */
  waitMs(number: number): number {
    const { rate } = this.order
    return rate === 0 ? 0 : this.#startedAt + (number * 1000) / rate - performance.now()
  }
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const corpus = new Corpus(order.kind, order.seed)
  const length = Math.max(3, Math.min(bodiesCount, Math.floor(bodiesBytes / order.bodyBytes)))
  const bodies = Array.from({ length }, () => corpus.body(order.form, order.bodyBytes))
  const state = new Run(order)
  const sockets = await Promise.all(
    Array.from({ length: order.connections }, async () => {
      const socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  state.start()
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  await Promise.all(sockets.map((socket, index) => new Connection(socket, index, bodies, state).run()))
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpu)
  for (const socket of sockets) socket.destroy()
  const sorted = state.latenciesMs.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  const { requests, records, rawBytes, refused } = state
  const times = { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
  return { requests, records, rawBytes, seconds, refused, ...times, loadCpuSeconds: (user + system) / 1e6 }
}

class Connection {
  readonly #socket: Socket
  readonly #index: number
  readonly #bodies: readonly Body[]
  readonly #state: Run
  #answered: ((status: number) => void) | undefined

  constructor(socket: Socket, index: number, bodies: readonly Body[], state: Run) {
    this.#socket = socket
    this.#index = index
    this.#bodies = bodies
    this.#state = state
    // Answers are short, and the head comes in one piece.
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1')
      if (!text.startsWith('HTTP/1.1 ')) return
      const status = Number(text.slice(9, 12))
      // Only once, since all are alike.
      if (status >= 300 && state.refused === 0) console.error(text)
      this.#answered?.(status)
    })
    for (const event of ['error', 'end']) {
      socket.on(event, (error?: unknown) => {
        throw new Error(`connection ${index} was ended by the other side`, { cause: error })
      })
    }
  }

  async run(): Promise<void> {
    const { order } = this.#state
    let body = this.#bodies[this.#index % this.#bodies.length] as Body
    for (let turn = 1; ; turn += 1) {
      const number = this.#state.next(body.rawBytes)
      if (number === undefined) return
      const waitMs = this.#state.waitMs(number)
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      await this.#post(body, order.paths[number % order.paths.length] as string, number)
      body = this.#bodies[(this.#index + turn) % this.#bodies.length] as Body
    }
  }

  async #post(body: Body, path: string, number: number): Promise<void> {
    const state = this.#state
    const bytes = salted(body, number, state.order.seed)
    const head = headOf(path, state.order.form, bytes.length)
    const startedAt = performance.now()
    for (;;) {
      const status = await this.#send(head, bytes)
      if (status >= 200 && status < 300) break
      state.refused += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    state.latenciesMs.push(performance.now() - startedAt)
    state.requests += 1
    state.records += body.recordsCount
    state.rawBytes += body.rawBytes
  }

  #send(head: Buffer, bytes: Buffer): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#answered = resolve
    if (bytes.length < 65_536) this.#socket.write(Buffer.concat([head, bytes]))
    else {
      this.#socket.cork()
      this.#socket.write(head)
      this.#socket.write(bytes)
      this.#socket.uncork()
    }
    return promise
  }
}

/** Each request is another one, also than those of an earlier load, or it would be taken for a retry. */
function salted({ bytes, saltOffset, saltLength }: Body, number: number, seed: number): Buffer {
  const copy = Buffer.from(bytes)
  if (saltLength === 4) copy.writeUInt32LE(number + 1, saltOffset)
  else copy.write((seed * 2 ** 40 + number).toString(16).padStart(saltLength, '0'), saltOffset, 'latin1')
  return copy
}

const heads = new Map<string, Buffer>()

function headOf(path: string, form: Form, bytesCount: number): Buffer {
  const key = `${path} ${bytesCount}`
  const known = heads.get(key)
  if (known !== undefined) return known
  const fields = { host: '127.0.0.1', ...headersOf(form), 'content-length': String(bytesCount) }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  heads.set(key, head)
  return head
}
