import express from 'express'
import type { MetricsRegistry } from '../observability/metrics.ts'
import { reply } from './reply.ts'

export type PagesOptions = {
  /** Why the sidecar is not ready, each a sentence; empty when it is. */
  readonly reasonsNotReady: () => string[]
  /** Brings gauges up to date before `/metrics` is answered. */
  readonly beforeScrape: () => void
  readonly registry: MetricsRegistry
  /** What `GET /` says. */
  readonly welcome: string
}

const plainText = 'text/plain; charset=utf-8'

/** The paths of these pages, which are answered to GET and HEAD. */
export const pagePaths: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz', '/metrics'])

/** An express application that answers how the process is. It asks for no credential, since probes have none. */
export function pagesApp({
  reasonsNotReady,
  beforeScrape,
  registry,
  welcome,
}: PagesOptions): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.get('/healthz', (_request, response) => reply(response, 200, 'ok\n', plainText))
  app.get('/readyz', (_request, response) => {
    const reasons = reasonsNotReady()
    const ready = reasons.length === 0
    reply(response, ready ? 200 : 503, `${JSON.stringify({ ready, reasons })}\n`)
  })
  app.get('/metrics', async (_request, response) => {
    beforeScrape()
    reply(response, 200, await registry.metrics(), registry.contentType)
  })
  app.get('/', (_request, response) => reply(response, 200, welcome, plainText))
  return app
}
