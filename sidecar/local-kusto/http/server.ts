/** The HTTP side: `/v1/rest/mgmt`, `/v1/rest/query`, `/v2/rest/query`, auth metadata, and a text for people at `/`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KustoError } from '../kusto-error.ts'
import type { EndpointFault } from '../faults.ts'
import type { Result } from '../engine/values.ts'
import { v1Body, v2Body } from './response.ts'

export type HttpBackend = {
  /** Runs a query or command; throws KustoError. */
  readonly run: (database: string | undefined, text: string) => Result
  readonly faultFor: (text: string) => EndpointFault
  /** Whether the answer to this one is to be lost. */
  readonly losesReply: (text: string) => boolean
  /** The text at `/`. */
  readonly welcome: (clusterUrl: string) => string
}

/** A query or command is text that a person or a client library wrote. */
const maxBodyBytes = 4 * 1024 * 1024

export async function listen(
  port: number,
  backend: HttpBackend,
): Promise<{ clusterUrl: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request, response, backend).catch((error: unknown) => {
      refuse(response, error)
    })
  })
  await listening(server, port)
  return {
    clusterUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        // Also those of requests that a fault keeps waiting.
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  backend: HttpBackend,
): Promise<void> {
  const { method = 'GET' } = request
  const path = (request.url ?? '/').split('?')[0]
  if (method === 'GET' || method === 'HEAD') {
    if (path === '/')
      return send(
        response,
        200,
        backend.welcome(`http://${request.headers.host ?? ''}`),
        'text/plain; charset=utf-8',
      )
    // As the Kusto emulator does: clients then take the defaults of the public cloud, and need no credential.
    if (path === '/v1/rest/auth/metadata') return send(response, 200, '{"AzureAD":null}')
  }
  const toBody = path === '/v2/rest/query' ? v2Body : v1Body
  if (path !== '/v1/rest/mgmt' && path !== '/v1/rest/query' && path !== '/v2/rest/query') {
    throw new KustoError('NotFound', `There is no '${path}' here.`, { httpStatus: 404 })
  }
  if (method !== 'POST') throw new KustoError('MethodNotAllowed', 'Use POST.', { httpStatus: 405 })
  const { database, text } = readRequest(await readBody(request))
  const fault = backend.faultFor(text)
  if (fault === 'hang') return
  if (fault !== 'none') throw faultError(fault)
  const result = backend.run(database, text)
  if (backend.losesReply(text)) return void request.socket.destroy()
  send(response, 200, `${toBody(result)}\n`)
}

function faultError(fault: 'throttle' | 'error' | 'forbid'): KustoError {
  if (fault === 'forbid')
    return new KustoError('Forbidden', 'The principal is not allowed to ask this.', { httpStatus: 403 })
  return fault === 'throttle'
    ? new KustoError('TooManyRequests', 'The request was throttled.', { httpStatus: 429, isPermanent: false })
    : new KustoError('InternalServiceError', 'The service failed.', { httpStatus: 500, isPermanent: false })
}

function readRequest(body: string): { database: string | undefined; text: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw new KustoError('BadRequest', 'The body is not JSON; send {"db":"...","csl":"..."}.')
  }
  const { db, csl } = (parsed ?? {}) as { db?: unknown; csl?: unknown }
  if (typeof csl !== 'string')
    throw new KustoError('BadRequest', 'The body has no "csl", the query or command.')
  return { database: typeof db === 'string' && db !== '' ? db : undefined, text: csl }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request) {
    size += (piece as Buffer).length
    // A body that is too large is read to its end all the same, or the client would not see the answer.
    if (size <= maxBodyBytes) pieces.push(piece as Buffer)
  }
  if (size > maxBodyBytes) {
    throw new KustoError('PayloadTooLarge', `The body is over ${maxBodyBytes} bytes.`, { httpStatus: 413 })
  }
  return Buffer.concat(pieces).toString('utf8')
}

function refuse(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof KustoError
      ? error
      : new KustoError('InternalServiceError', String(error), { httpStatus: 500, isPermanent: false })
  if (response.headersSent || response.destroyed) return
  send(response, known.httpStatus, `${JSON.stringify(known.toBody())}\n`)
}

function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
