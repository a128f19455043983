/** Tells when a message was posted to a queue, so that it need not be looked for all the time. */
import type { RequestListener } from 'node:http'

export function whenPosted(
  queuePrefix: string,
  tell: () => void,
): (next: RequestListener) => RequestListener {
  return (next) => (request, response) => {
    if (request.method === 'POST' && (request.url ?? '').includes(`/${queuePrefix}`))
      response.once('finish', tell)
    next(request, response)
  }
}
