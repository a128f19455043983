import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { messageOf, systemCodeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { Log } from '../observability/log.ts'
import { Seldom } from './seldom.ts'
import type { TlsFiles } from './tls-files.ts'

export type ConnectionsOptions = {
  readonly onRequest: RequestListener
  /** Takes a request with `Expect: 100-continue`; nothing was written yet. */
  readonly onExpectContinue: RequestListener
  /** Undefined for plain HTTP. */
  readonly tls: TlsFiles | undefined
  /** Whether a request on this connection waits for its answer. */
  readonly isOwed: (socket: Socket) => boolean
  readonly clock: Clock
  readonly log: Log
}

const serverOptions: ServerOptions = {
  // A shipper that keeps its connection for 90 s must never find it closed by us in the moment it writes.
  keepAliveTimeout: limits.keepAliveTimeoutMs,
  // Nor one that it opened and did not need yet.
  headersTimeout: limits.keepAliveTimeoutMs,
  requestTimeout: limits.bodyTimeoutMs,
  // Node would answer 400, and shippers drop their data on that.
  requireHostHeader: false,
}

const handshakeTimeoutMs = 10_000

/** The server for shippers. What is not HTTP is answered here, and a connection that fails before a request is told to the log. */
export function createShipperServer(options: ConnectionsOptions): Server {
  const { tls, onRequest, onExpectContinue } = options
  const server =
    tls === undefined
      ? createServer(serverOptions, onRequest)
      : createTlsServer(
          { ...serverOptions, ...tls.settings, handshakeTimeout: handshakeTimeoutMs },
          onRequest,
        )
  if (tls !== undefined && 'setSecureContext' in server) {
    tls.onChange = (settings) => server.setSecureContext(settings)
  }
  server.on('checkContinue', onExpectContinue)
  // Node would answer 417, and shippers drop their data on that.
  server.on('checkExpectation', onRequest)
  const seldom = new Seldom(options.clock)
  server.on('clientError', (error, socket: Socket) => {
    const code = systemCodeOf(error) ?? ''
    // An answer is still owed: a status now would be taken for it. A broken connection makes the shipper send again.
    if (/^(?:HPE_|ERR_HTTP_)/.test(code) && !options.isOwed(socket)) answerBrokenRequest(code, socket)
    else socket.destroy()
    if (/^ERR_(?:SSL|TLS)_/.test(code)) {
      seldom.note((count) =>
        options.log.warn(
          { event: 'http.tls_failed', code, count, remoteAddress: socket.remoteAddress },
          `A client could not connect with TLS: ${messageOf(error).trim()}`,
        ),
      )
    }
  })
  return server
}

/** By the code of Node's error. 503 is what makes all shippers send again; a 400 would make them drop the data. */
const brokenRequestStatus: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '503 Service Unavailable',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** What is not HTTP, or came too slowly, gets one short answer with a length. */
function answerBrokenRequest(code: string, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status = brokenRequestStatus[code] ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
