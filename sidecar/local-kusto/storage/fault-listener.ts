/** Makes a storage service fail while a test says so. */
import type { RequestListener } from 'node:http'
import type { EndpointFault } from '../faults.ts'

const answers = {
  throttle: [503, 'ServerBusy'],
  error: [500, 'InternalError'],
  forbid: [403, 'AuthorizationFailure'],
} as const

export function withFault(current: () => EndpointFault): (next: RequestListener) => RequestListener {
  return (next) => (request, response) => {
    const fault = current()
    if (fault === 'none') return next(request, response)
    // The body is read and thrown away, or the client would still be sending when the answer comes.
    request.resume()
    if (fault === 'hang') return
    const [status, code] = answers[fault]
    response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code })
    response.end(
      `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>Asked for by a test.</Message></Error>`,
    )
  }
}
