import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Random } from '../core/ports.ts'
import { limits } from '../core/limits.ts'
import type { RequestKey, RequestMark } from '../core/request-slice.ts'

export type ForgetWhenRead = 'loopback' | 'all' | 'never'

export type ConnectionMarksOptions = {
  /** From whom a further request on a connection proves that the answer before was read. */
  readonly forgetWhenRead: ForgetWhenRead
  /** The answer that went out last on this connection was read. */
  readonly onRead: (key: RequestKey, socket: Socket) => void
  /** The connection is gone, and nobody knows whether that answer was read. */
  readonly onLost: (key: RequestKey, socket: Socket) => void
  readonly random: Random
  readonly clock: Clock
}

/** Which request of which connection it is; see RequestMark. */
type Arrival = Pick<RequestMark, 'connection' | 'requestNumber'>

type Connection = {
  /** Empty when a further request on it proves nothing. */
  name: string
  requestCount: number
  /** Requests whose answer is not out yet. */
  openCount: number
  /** The request that was answered with 2xx last, until it is known whether that was read. */
  answered: RequestKey | undefined
  answeredAtMs: number
}

const connectionBytes = 8

/** A proxy reads an answer that the shipper behind it may never see. */
const proxyHeaders = [
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
]

/**
 * Follows the requests of each connection. A retry can only follow an answer that was not seen: a client that sends a further request
 * on a connection whose last answer was 2xx and is out has read that answer, so its request is forgotten, and an equal body after it is
 * a new one. The same is shown by a connection that ends in order some seconds after the answer: who gives up on an answer does so
 * without one, and ends a connection with unread bytes by a reset.
 *
 * That holds for clients that wait for each answer, and where no proxy is between. A connection on which a request comes before the
 * answer to the one before never proves anything again. After an answer that is not 2xx a connection has another name: that
 * request may be stored all the same, and will come again.
 */
export class ConnectionMarks {
  readonly #options: ConnectionMarksOptions
  readonly #connections = new WeakMap<Socket, Connection>()
  readonly #arrivals = new WeakMap<IncomingMessage, Arrival & { key?: RequestKey }>()

  constructor(options: ConnectionMarksOptions) {
    this.#options = options
  }

  /** To be told of each request once its head was read, before anything is done with it. */
  arrived(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connectionOf(request)
    if (connection.openCount > 0 || (connection.name !== '' && this.#hasProxy(request))) connection.name = ''
    if (connection.name !== '' && connection.answered !== undefined) {
      this.#options.onRead(connection.answered, request.socket)
    }
    connection.answered = undefined
    connection.openCount += 1
    connection.requestCount += 1
    const arrival: Arrival & { key?: RequestKey } = {
      connection: connection.name,
      requestNumber: connection.requestCount,
    }
    this.#arrivals.set(request, arrival)
    response.once('finish', () => {
      connection.openCount -= 1
      const { statusCode } = response
      if (statusCode < 200 || statusCode >= 300) return this.#rename(connection)
      connection.answered = arrival.key
      connection.answeredAtMs = this.#options.clock.monotonic()
      return undefined
    })
  }

  /** Which arrival the request is. */
  arrivalOf(request: IncomingMessage): Arrival {
    const { connection, requestNumber } = this.#arrivals.get(request) ?? { connection: '', requestNumber: 1 }
    return { connection, requestNumber }
  }

  /** From now on the answer to the request stands for this key. */
  identify(request: IncomingMessage, key: RequestKey): void {
    const arrival = this.#arrivals.get(request)
    if (arrival !== undefined) arrival.key = key
  }

  #connectionOf({ socket }: IncomingMessage): Connection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const name = this.#isTrusted(socket) ? this.#options.random.hex(connectionBytes) : ''
    const connection = { name, requestCount: 0, openCount: 0, answered: undefined, answeredAtMs: 0 }
    this.#connections.set(socket, connection)
    socket.once('close', (hadError) => this.#closed(socket, connection, hadError))
    return connection
  }

  #closed(socket: Socket, { name, answered, answeredAtMs }: Connection, hadError: boolean): void {
    const { clock, onRead, onLost } = this.#options
    if (answered === undefined) return
    const wasRead = name !== '' && !hadError && clock.monotonic() - answeredAtMs >= limits.answerReadAfterMs
    if (wasRead) onRead(answered, socket)
    else onLost(answered, socket)
  }

  #rename(connection: Connection): void {
    connection.answered = undefined
    if (connection.name === '') return
    connection.name = this.#options.random.hex(connectionBytes)
    connection.requestCount = 0
  }

  #isTrusted(socket: Socket): boolean {
    const { forgetWhenRead } = this.#options
    return forgetWhenRead === 'all' || (forgetWhenRead === 'loopback' && isLoopback(socket.remoteAddress))
  }

  #hasProxy({ headers }: IncomingMessage): boolean {
    if (this.#options.forgetWhenRead !== 'loopback') return false
    return proxyHeaders.some((header) => headers[header] !== undefined)
  }
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address ?? '')
}
