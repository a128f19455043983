/** The listener that shippers post to, with the pages that say how the process is. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ErrorRequestHandler, Express } from 'express'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import { isOtlpPath } from '../core/request-head.ts'
import type { ServerAuth, ServerTls } from '../core/server-auth.ts'
import type { Metrics } from '../observability/metrics.ts'
import { Access } from './access.ts'
import { type AnswerForm, answerFailed, answerFormOf, answerTaken, jsonForm, statusOf } from './answer.ts'
import { discardBody } from './body.ts'
import { createShipperServer } from './connections.ts'
import { discardSmallBody } from './discard.ts'
import type { FileWatchTools } from './file-watch.ts'
import { headOf, isAdminPath, pathOf } from './head.ts'
import type { Ingest } from './ingest.ts'
import { listenAt } from './listening.ts'
import { pagePaths, pagesApp, type PagesOptions } from './pages.ts'
import { Readiness } from './readiness.ts'
import { reply } from './reply.ts'
import { TlsFiles } from './tls-files.ts'

export type HttpServerOptions = FileWatchTools &
  Pick<PagesOptions, 'beforeScrape' | 'registry'> & {
    readonly ingest: Ingest
    /** The header that carries the tag of the shipper. */
    readonly tagHeader: string
    readonly auth: ServerAuth
    /** Undefined for plain HTTP. */
    readonly tls: ServerTls | undefined
    /** Why the sidecar is not ready besides what this listener knows, each a sentence. */
    readonly reasonsNotReady: () => string[]
    readonly metrics: Metrics
  }

export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #access: Access
  readonly #tls: TlsFiles | undefined
  readonly #server: Server
  readonly #readiness: Readiness
  /** How many requests of a connection have no answer yet. */
  readonly #owed = new WeakMap<Socket, number>()
  /** Requests whose sender waits for `100 Continue` before the body. */
  readonly #waitsForContinue = new WeakSet<IncomingMessage>()

  private constructor(options: HttpServerOptions, access: Access, tls: TlsFiles | undefined) {
    const { clock, log, reasonsNotReady } = options
    this.#options = options
    this.#access = access
    this.#tls = tls
    this.#readiness = new Readiness({
      clock,
      otherReasons: () => [...reasonsNotReady(), ...access.reasonsNotReady()],
    })
    const app = this.#app()
    const onRequest: RequestListener = (request, response) => {
      options.ingest.arrived(request, response)
      // The pages are for GET and HEAD. Records go past express, whose routing costs as much as all that Node does for a request.
      if (isPost(request)) void this.#handle(request, response)
      else app(request, response)
    }
    this.#server = createShipperServer({
      onRequest,
      onExpectContinue: (request, response) => {
        this.#waitsForContinue.add(request)
        onRequest(request, response)
      },
      tls,
      isOwed: (socket) => this.#owed.has(socket),
      onBrokenRequest: () => options.metrics.httpRequests.inc({ status: '503' }),
      clock,
      log,
    })
  }

  /** Reads the files of credentials and certificates; rejects with PROCESS_START_FAILED when one cannot be used. */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const access = await Access.start(options)
    try {
      const tls = options.tls === undefined ? undefined : await TlsFiles.start(options.tls, options)
      return new HttpServer(options, access, tls)
    } catch (error) {
      access.stop()
      throw error
    }
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    return listenAt(this.#server, { host, port, key: 'server.listen', log: this.#options.log })
  }

  /** Why the sidecar is not ready, each a sentence; empty when it is. */
  reasonsNotReady(): string[] {
    return this.#readiness.reasons()
  }

  /** Takes no further request and resolves when the last answer is out. */
  async drain(): Promise<void> {
    this.#readiness.isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    await closed
  }

  /** Cuts what is left. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#access.stop()
    this.#tls?.stop()
  }

  #app(): Express {
    const app = pagesApp({ ...this.#options, reasonsNotReady: () => this.reasonsNotReady(), welcome })
    app.use((request, response) => this.#handle(request, response))
    const onError: ErrorRequestHandler = (error, request, response, _next) =>
      this.#refuse(request, response, error)
    app.use(onError)
    return app
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, clock } = this.#options
    const { socket } = request
    this.#owed.set(socket, (this.#owed.get(socket) ?? 0) + 1)
    response.once('finish', () => {
      const left = (this.#owed.get(socket) ?? 1) - 1
      if (left > 0) this.#owed.set(socket, left)
      else this.#owed.delete(socket)
    })
    const startedAt = clock.monotonic()
    try {
      if (isPost(request)) await this.#take(request, response)
      else this.#answerOther(request, response)
    } catch (error) {
      await this.#refuse(request, response, error)
    } finally {
      if (isPost(request)) metrics.httpRequestSeconds.observe((clock.monotonic() - startedAt) / 1000)
    }
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = headOf(request, this.#options.tagHeader)
    if (isAdminPath(head.path)) throw adminElsewhere()
    this.#access.check(request)
    if (this.#readiness.isDraining) {
      throw new SidecarError('HTTP_DRAINING', 'The sidecar is shutting down. Send it again.')
    }
    if (this.#waitsForContinue.delete(request)) response.writeContinue()
    const result = await this.#options.ingest.take(request, head)
    this.#options.metrics.httpRequests.inc({ status: '200' })
    if (this.#readiness.isDraining) response.setHeader('Connection', 'close')
    answerTaken(response, result, answerFormOf(head))
  }

  /** HEAD is how Vector asks whether it may post here; it wants exactly 200. */
  #answerOther(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request)
    if (isAdminPath(path)) throw adminElsewhere()
    if (request.method === 'HEAD') {
      this.#access.check(request)
      reply(response, 200, '')
      return
    }
    if (request.method === 'GET' && !isRecordsPath(path)) {
      throw new SidecarError(
        'HTTP_NOT_FOUND',
        'There is no such page. Records are sent with POST; GET / says where.',
      )
    }
    response.setHeader('Allow', pagePaths.has(path) ? 'GET, HEAD, POST, PUT' : 'POST, PUT, HEAD')
    throw new SidecarError('HTTP_METHOD_UNSUPPORTED', 'Records are sent with POST or PUT.')
  }

  async #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    const { log, metrics, tagHeader } = this.#options
    const form = answerFormFor(request, tagHeader)
    const status = statusOf(error, form)
    const code = codeOf(error)
    const message =
      error instanceof SidecarError ? error.message : 'Something went wrong in the sidecar. Send it again.'
    const fields = { event: 'http.refused', status, code, method: request.method }
    if (!(error instanceof SidecarError)) {
      log.error({ ...fields, stack: error instanceof Error ? error.stack : undefined }, messageOf(error))
    } else if (!isUnauthorized(error)) log.warn(fields, message)
    metrics.httpRequests.inc({ status: String(status) })
    if (/^(JOURNAL|MEMORY|DEAD_LETTER)_/.test(code)) this.#readiness.noteStorageTrouble(message)
    await this.#discard(request, error)
    if (response.headersSent || response.destroyed) return
    if (status === 401) response.setHeader('WWW-Authenticate', this.#access.challenge)
    if (!request.complete || this.#readiness.isDraining) response.setHeader('Connection', 'close')
    answerFailed(response, { status, code, message }, form)
  }

  async #discard(request: IncomingMessage, error: unknown): Promise<void> {
    const { clock } = this.#options
    // Nothing comes until we ask for it.
    if (this.#waitsForContinue.has(request)) return
    const isFromAnyone =
      isUnauthorized(error) || (error instanceof SidecarError && refusedUnseen.has(error.code))
    if (isFromAnyone) await discardSmallBody(request, clock)
    else await discardBody(request, clock)
  }
}

const welcome = `kusto-sidecar: post logs here, they arrive in Kusto.

  POST /ingest/{database}/{table}   records as JSON array, NDJSON or single object
  POST /ingest/{route}              a route of the configuration file
  POST /                            the default destination
  POST .../v1/logs                  OTLP, behind any of these paths
  GET  /healthz /readyz /metrics
`

/** Told before anybody looked at the credential. */
const refusedUnseen: ReadonlySet<string> = new Set(['HTTP_NOT_FOUND', 'HTTP_METHOD_UNSUPPORTED'])

function isUnauthorized(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'HTTP_UNAUTHORIZED' || code === 'HTTP_UNAUTHORIZED_HELD'
}

function answerFormFor(request: IncomingMessage, tagHeader: string): AnswerForm {
  return isPost(request) ? answerFormOf(headOf(request, tagHeader)) : jsonForm
}

function isPost({ method }: IncomingMessage): boolean {
  return method === 'POST' || method === 'PUT'
}

function isRecordsPath(path: string): boolean {
  return path === '/ingest' || path.startsWith('/ingest/') || isOtlpPath(path)
}

function adminElsewhere(): SidecarError {
  return new SidecarError(
    'HTTP_NOT_FOUND',
    'Paths below /-/ are answered by the admin listener only: server.admin_listen, by default 127.0.0.1:8081.',
  )
}
