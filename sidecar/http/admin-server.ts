/** The listener for operators: the pages that say how the process is, and what can be asked of it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ErrorRequestHandler, Express, RequestHandler } from 'express'
import { SidecarError, codeOf, messageOf } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import type { Log } from '../observability/log.ts'
import { listenAt } from './listening.ts'
import { pagesApp, type PagesOptions } from './pages.ts'
import { reply } from './reply.ts'

export type AdminServerOptions = Omit<PagesOptions, 'welcome'> & {
  /** Seals every open batch; resolves when all are handed to delivery. */
  readonly flush: () => Promise<void>
  /** Takes dead letters in again; resolves with what to tell, as JSON. Checks the filter itself. */
  readonly replay: (filter: unknown) => Promise<unknown>
  readonly clock: Clock
  readonly log: Log
}

const maxBodyBytes = 65_536
const requestTimeoutMs = 30_000
const flushTimeoutMs = 30_000

/** A request that is at fault, with the status that says how. */
class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server

  constructor(options: AdminServerOptions) {
    this.#options = options
    this.#server = createServer({ requestTimeout: requestTimeoutMs }, this.#app())
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    return listenAt(this.#server, { host, port, key: 'server.admin_listen', log: this.#options.log })
  }

  /** Cuts what is left; resolves when the port is free. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  #app(): Express {
    const { replay } = this.#options
    const app = pagesApp({ ...this.#options, welcome })
    const command = (path: string, run: (body: Buffer) => Promise<unknown>) => {
      app.post(path, (request, response) => this.#run(request, response, run))
      app.all(path, (_request, response) => {
        response.setHeader('Allow', 'POST')
        answerError(response, 405, 'This is asked for with POST.')
      })
    }
    command('/-/flush', () => this.#flush())
    command('/-/dead-letter/replay', (body) => replay(jsonOf(body)))
    const onNothing: RequestHandler = (_request, response) =>
      answerError(response, 404, 'There is no such path on the admin listener; GET / lists what there is.')
    app.use(onNothing)
    const onError: ErrorRequestHandler = (error, _request, response, _next) => this.#fail(response, error)
    app.use(onError)
    return app
  }

  async #run(
    request: IncomingMessage,
    response: ServerResponse,
    run: (body: Buffer) => Promise<unknown>,
  ): Promise<void> {
    try {
      refuseBrowsers(request)
      const body = await readSmallBody(request)
      const result = await run(body)
      this.#options.log.info(
        { event: 'admin.command_done', path: request.url },
        'An operator command was done.',
      )
      reply(response, 200, `${JSON.stringify(result)}\n`)
    } catch (error) {
      this.#fail(response, error)
    }
  }

  /** Under steady load the moment in which nothing waits may be late; an operator should not wait for ever. */
  async #flush(): Promise<{ sealed: true }> {
    const late = Promise.withResolvers<never>()
    const timer = this.#options.clock.after(flushTimeoutMs, () =>
      late.reject(
        new Refusal(
          503,
          `Not everything was sealed within ${flushTimeoutMs / 1000} s; it goes on. See the log.`,
        ),
      ),
    )
    try {
      await Promise.race([this.#options.flush(), late.promise])
      return { sealed: true }
    } finally {
      timer.cancel()
    }
  }

  #fail(response: ServerResponse, error: unknown): void {
    const isExpected = error instanceof Refusal || error instanceof SidecarError
    const fields = { event: 'admin.command_failed', code: codeOf(error) }
    if (isExpected) this.#options.log.warn(fields, error.message)
    else this.#options.log.error({ ...fields, stack: stackOf(error) }, messageOf(error))
    if (response.headersSent || response.destroyed) return
    const message = isExpected ? error.message : 'Something went wrong in the sidecar; its log says what.'
    answerError(response, statusOf(error), message)
  }
}

const welcome = `kusto-sidecar, for operators. Shippers post to server.listen.

  GET  /healthz /readyz /metrics
  POST /-/flush                  seal every open batch now
  POST /-/dead-letter/replay     take dead letters in again; the body is a filter as JSON
`

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status
  return error instanceof SidecarError ? error.httpStatus : 503
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}

function answerError(response: ServerResponse, status: number, message: string): void {
  if (!response.req.complete) response.setHeader('Connection', 'close')
  reply(response, status, `${JSON.stringify({ error: { message } })}\n`)
}

/** A page of the web can make a browser post to this machine; browsers say so with these headers, and no tool does. */
function refuseBrowsers({ headers }: IncomingMessage): void {
  if (headers.origin === undefined && headers['sec-fetch-site'] === undefined) return
  throw new Refusal(403, 'Commands are not taken from a browser; use curl or the like.')
}

async function readSmallBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new Refusal(413, `The body is larger than ${maxBodyBytes} bytes.`)
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let bytesCount = 0
  // Leaving the loop early must not destroy the request: that would cut the connection before it is answered.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytesCount += chunk.length
    if (bytesCount > maxBodyBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The JSON of a body; without a body an empty object. */
function jsonOf(body: Buffer): unknown {
  const text = body.toString().trim()
  if (text === '') return {}
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Refusal(400, 'The body is not JSON.')
  }
}
