import { readFileSync } from 'node:fs'
import path from 'node:path'

/** A request as a real Fluent Bit 5.1.1 sent it. Header names are in lower case; of a repeated header the first is kept. */
export type WireRequest = {
  readonly method: string
  readonly path: string
  readonly headers: ReadonlyMap<string, string>
  /** As it was on the wire: still compressed, if it was. */
  readonly body: Buffer
}

const directory = path.join(import.meta.dirname, '..', 'wire', 'fluent-bit-5.1.1')

/** Reads `test/wire/fluent-bit-5.1.1/<name>.http`. */
export function readWireRequest(name: string): WireRequest {
  return parseRequest(readFileSync(path.join(directory, `${name}.http`)))
}

/** Cuts the raw bytes of one HTTP/1.1 request with a Content-Length into its parts. */
export function parseRequest(raw: Buffer): WireRequest {
  const headEnd = raw.indexOf('\r\n\r\n')
  if (headEnd < 0) throw new Error('The request has no blank line after its headers.')
  const [requestLine = '', ...headerLines] = raw.toString('latin1', 0, headEnd).split('\r\n')
  const [method = '', target = ''] = requestLine.split(' ')
  const headers = new Map<string, string>()
  for (const line of headerLines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    if (!headers.has(name)) headers.set(name, line.slice(line.indexOf(':') + 1).trim())
  }
  const body = raw.subarray(headEnd + 4)
  const announced = Number(headers.get('content-length'))
  if (announced !== body.length)
    throw new Error(`The body has ${body.length} bytes, announced are ${announced}.`)
  return { method, path: target, headers, body }
}
