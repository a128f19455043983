import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { messageOf, systemCodeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { Log } from '../observability/log.ts'
import { Seldom } from '../observability/seldom.ts'
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
  /** Called for each request that is no valid HTTP. */
  readonly onBrokenRequest: () => void
}

const serverOptions: ServerOptions = {
  // A shipper that keeps its connection for 90 s must never find it closed by us in the moment it writes.
  keepAliveTimeout: limits.keepAliveTimeoutMs,
  // Nor one that it opened and did not need yet.
  headersTimeout: limits.keepAliveTimeoutMs,
  requestTimeout: limits.bodyTimeoutMs,
  // Node would answer 400, and shippers drop their data on that.
  requireHostHeader: false,
  // Twice and more what any shipper sends; tags and tokens can be long.
  maxHeaderSize: 65_536,
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
  // Node remembers the address from the first look on, and after a reset nobody can be asked for it any more.
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => socket.remoteAddress)
  server.on('checkContinue', onExpectContinue)
  // Node would answer 417, and shippers drop their data on that.
  server.on('checkExpectation', onRequest)
  const seldom = new Seldom(options.clock)
  const brokenSeldom = new Seldom(options.clock)
  server.on('clientError', (error, socket: Socket) => {
    const code = systemCodeOf(error) ?? ''
    // An answer is still owed: a status now would be taken for it. A broken connection makes the shipper send again.
    const isBroken = /^(?:HPE_|ERR_HTTP_)/.test(code)
    if (isBroken && !options.isOwed(socket)) {
      options.onBrokenRequest()
      brokenSeldom.note((count) =>
        options.log.warn(
          { event: 'http.broken_request', code, count, remoteAddress: socket.remoteAddress },
          'A request was no valid HTTP (a space or a character that is not ASCII in its path, a control character or more than 64 KB in its headers) and was answered 503.',
        ),
      )
      answerBrokenRequest(socket)
    } else socket.destroy()
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

/**
 * What is not HTTP, or came too slowly, gets one short answer with a length. It is 503, which makes all shippers send again: on 400 and
 * 431 they would drop what they hold for ever, for a space in a path or a tag of 20 KB.
 */
function answerBrokenRequest(socket: Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
