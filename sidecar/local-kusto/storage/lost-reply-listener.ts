/** Does what a client asks for and cuts the connection in place of an answer, while a test says so. */
import type { IncomingMessage, RequestListener } from 'node:http'

/** `take` says whether the reply to the next request that changes something is to be lost. */
export function withLostReplies(take: () => boolean): (next: RequestListener) => RequestListener {
  return (next) => (request, response) => {
    if (isChangeByClient(request) && take()) {
      const { socket } = request
      response.write = () => true
      response.end = () => {
        socket.destroy()
        return response
      }
    }
    next(request, response)
  }
}

/** Clients come with a SAS; the local Kusto itself signs its requests, but for the row of a status table, which it merges (PATCH). */
function isChangeByClient({ method = '', url = '' }: IncomingMessage): boolean {
  return ['PUT', 'POST', 'DELETE'].includes(method) && /[?&]sig=/.test(url)
}
