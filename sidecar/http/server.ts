/** The listener that shippers post to, and the pages that say how the process is. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import type { Clock } from '../core/ports.ts'
import { SidecarError, codeOf, messageOf, systemCodeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics, MetricsRegistry } from '../observability/metrics.ts'
import { discardBody } from './body.ts'
import type { Ingest } from './ingest.ts'
import { reply } from './reply.ts'

export type HttpServerOptions = {
  readonly ingest: Ingest
  /** Why the sidecar is not ready, each a sentence; empty when it is. */
  readonly reasonsNotReady: () => string[]
  /** Brings gauges up to date before `/metrics` is answered. */
  readonly beforeScrape: () => void
  readonly registry: MetricsRegistry
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** How long a request that was sent away makes the sidecar not ready. */
const storageTroubleMs = 30_000

export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #server: Server
  /** Connections with a request that has no answer yet. */
  readonly #inWork = new WeakSet<Socket>()
  /** Why requests were sent away lately for want of room or a working disk. */
  #storageTrouble: { readonly message: string; readonly atMs: number } | undefined
  #isDraining = false

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#server = createServer(this.#app())
    // A shipper that keeps its connection for 90 s must never find it closed by us in the moment it writes.
    this.#server.keepAliveTimeout = limits.keepAliveTimeoutMs
    this.#server.requestTimeout = limits.bodyTimeoutMs
    this.#server.on('clientError', (error, socket: Socket) => {
      // An answer is still owed: a status now would be taken for it. A broken connection makes the shipper send again.
      if (this.#inWork.has(socket)) socket.destroy()
      else answerBrokenRequest(error, socket)
    })
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(port, host, resolve)
    try {
      await promise
    } catch (error) {
      const message = `Cannot listen on ${host}:${port} (server.listen): ${messageOf(error)}`
      throw new SidecarError('PROCESS_START_FAILED', message, { cause: error })
    }
    this.#server.off('error', reject)
    this.#server.on('error', (error) =>
      this.#options.log.error({ event: 'http.server_error' }, messageOf(error)),
    )
    return this.#server.address() as AddressInfo
  }

  /** Takes no further request and resolves when the last answer is out. */
  async drain(): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    await closed
  }

  /** Cuts what is left. */
  close(): void {
    this.#server.closeAllConnections()
  }

  #app(): express.Express {
    const { reasonsNotReady, registry, beforeScrape } = this.#options
    const app = express()
    app.disable('x-powered-by')
    app.disable('etag')
    app.set('query parser', false)
    app.get('/healthz', (_request, response) => reply(response, 200, 'ok\n', 'text/plain; charset=utf-8'))
    app.get('/readyz', (_request, response) => {
      const reasons = this.#isDraining
        ? ['The sidecar is shutting down.']
        : [...reasonsNotReady(), ...this.#storageReasons()]
      reply(
        response,
        reasons.length === 0 ? 200 : 503,
        `${JSON.stringify({ ready: reasons.length === 0, reasons })}\n`,
      )
    })
    app.get('/metrics', async (_request, response) => {
      beforeScrape()
      reply(response, 200, await registry.metrics(), registry.contentType)
    })
    app.get('/', (_request, response) => reply(response, 200, welcome, 'text/plain; charset=utf-8'))
    app.use((request, response) => this.#handle(request, response))
    const onError: ErrorRequestHandler = (error, request, response, _next) =>
      this.#refuse(request, response, error)
    app.use(onError)
    return app
  }

  /** Only lately: where readiness decides who gets requests, somebody has to try again. */
  #storageReasons(): string[] {
    const trouble = this.#storageTrouble
    if (trouble === undefined || this.#options.clock.monotonic() - trouble.atMs > storageTroubleMs) return []
    return [trouble.message]
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { ingest, metrics, clock } = this.#options
    if (request.method !== 'POST' && request.method !== 'PUT') {
      await this.#refuse(request, response, noSuchPage(request))
      return
    }
    const startedAt = clock.monotonic()
    this.#inWork.add(request.socket)
    response.once('finish', () => this.#inWork.delete(request.socket))
    try {
      if (this.#isDraining)
        throw new SidecarError('HTTP_DRAINING', 'The sidecar is shutting down. Send it again.')
      const result = await ingest.take(request, pathOf(request))
      metrics.httpRequests.inc({ status: '200' })
      if (this.#isDraining) response.setHeader('Connection', 'close')
      reply(response, 200, `${JSON.stringify(result)}\n`)
    } catch (error) {
      await this.#refuse(request, response, error)
    } finally {
      metrics.httpRequestSeconds.observe((clock.monotonic() - startedAt) / 1000)
    }
  }

  async #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    const { log, metrics, clock } = this.#options
    // Anything unforeseen is our fault, and 503 is what makes every shipper keep its data.
    const status = error instanceof SidecarError ? error.httpStatus : 503
    const message =
      error instanceof SidecarError ? error.message : 'Something went wrong in the sidecar. Send it again.'
    const fields = { event: 'http.refused', status, code: codeOf(error), method: request.method }
    if (error instanceof SidecarError) log.warn(fields, message)
    else log.error({ ...fields, stack: error instanceof Error ? error.stack : undefined }, messageOf(error))
    metrics.httpRequests.inc({ status: String(status) })
    if (/^(JOURNAL|MEMORY|DEAD_LETTER)_/.test(codeOf(error))) {
      this.#storageTrouble = { message, atMs: clock.monotonic() }
    }
    await discardBody(request, clock)
    if (response.headersSent || response.destroyed) return
    if (!request.complete || this.#isDraining) response.setHeader('Connection', 'close')
    reply(response, status, `${JSON.stringify({ error: { code: codeOf(error), message } })}\n`)
  }
}

const welcome = `kusto-sidecar: post logs here, they arrive in Kusto.

  POST /ingest/{database}/{table}   records as JSON array, NDJSON or single object
  POST /ingest/{route}              a route of the configuration file
  POST /                            the default destination
  GET  /healthz /readyz /metrics
`

/** The path without its query. A proxy may send the whole address. */
function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/'
  const path = target.replace(/^https?:\/\/[^/]*/i, '')
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}

function noSuchPage(request: IncomingMessage): SidecarError {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return new SidecarError(
      'HTTP_NOT_FOUND',
      'There is no such page. Records are sent with POST; GET / says where.',
    )
  }
  return new SidecarError('HTTP_METHOD_UNSUPPORTED', 'Records are sent with POST or PUT.')
}

/** By the code of Node's error. 408 is what makes shippers send again; a 400 would make them drop the data. */
const brokenRequestStatus: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** What is not HTTP, or came too slowly, gets one short answer with a length. */
function answerBrokenRequest(error: Error, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status = brokenRequestStatus[systemCodeOf(error) ?? ''] ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
