import type { ServerResponse } from 'node:http'

/**
 * Answers with head and body in one write and a Content-Length: Fluent Bit takes a long answer for an error even when it says
 * 200, and Vector drops its batch when the body of an answer cannot be read.
 */
export function reply(
  response: ServerResponse,
  status: number,
  content: string | Buffer,
  contentType = 'application/json',
): void {
  const body = Buffer.from(content)
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': body.length })
  response.end(body)
}
