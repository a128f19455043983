import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { onCleanup } from './cleanup.ts'
import { waitFor } from './wait.ts'

/** One answer as it was on the wire. */
export type RawAnswer = {
  readonly status: number
  readonly head: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** Of head and body. */
  readonly bytesCount: number
  /** In how many parts its bytes came. */
  readonly partsCount: number
}

/** A connection on which a test writes bytes of its choice, and reads the answers one after the other. */
export class RawConnection {
  readonly socket: Socket
  isClosed = false
  /** Bytes that came and are in no answer yet, in the parts in which they came. */
  #parts: Buffer[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (part) => this.#parts.push(part))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  static async open(t: TestContext, port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await new Promise((resolve) => socket.once('connect', resolve))
    onCleanup(t, () => socket.destroy())
    return new RawConnection(socket)
  }

  write(text: string | Buffer): void {
    this.socket.write(text)
  }

  /** What came and is in no answer yet. */
  get received(): Buffer {
    return Buffer.concat(this.#parts)
  }

  /** The next answer. `toHead` tells that it has no body whatever its length says; 1xx answers come as answers of their own. */
  answer({ toHead = false } = {}): Promise<RawAnswer> {
    return waitFor('an answer', () => this.#next(toHead))
  }

  async closed(): Promise<void> {
    await waitFor('the end of the connection', () => this.isClosed)
  }

  /** Ends the connection in order, and lets a server in this process hear of it. */
  async end(): Promise<void> {
    this.socket.end()
    await this.closed()
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => void setImmediate(resolve))
  }

  #next(toHead: boolean): RawAnswer | undefined {
    const bytes = this.received
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const head = bytes.toString('latin1', 0, headEnd)
    const [statusLine = '', ...lines] = head.split('\r\n')
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    )
    const status = Number(statusLine.split(' ')[1])
    const bodyBytes = toHead || status < 200 ? 0 : Number(headers.get('content-length') ?? Number.NaN)
    if (Number.isNaN(bodyBytes)) throw new Error(`an answer without a length:\n${head}`)
    const bytesCount = headEnd + 4 + bodyBytes
    if (bytes.length < bytesCount) return undefined
    let partsCount = 0
    for (let seen = 0; seen < bytesCount; partsCount += 1) seen += this.#parts[partsCount]?.length ?? 0
    this.#parts = bytes.length === bytesCount ? [] : [bytes.subarray(bytesCount)]
    return { status, head, headers, body: bytes.subarray(headEnd + 4, bytesCount), bytesCount, partsCount }
  }
}

/** The bytes of a request with a body of known length. */
export function rawPost(path: string, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`
}
