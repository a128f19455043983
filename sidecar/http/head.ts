import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { RequestHead } from '../core/request-head.ts'

/** What a request says about its records. */
export function headOf(request: IncomingMessage, tagHeader: string): RequestHead {
  const tag = request.headers[tagHeader.toLowerCase()]
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers
  return {
    path: pathOf(request),
    ...(tag === undefined ? {} : { tag: textOf(String(tag)) }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  }
}

/** Node reads headers as Latin-1, and shippers send the bytes of the tag, which are UTF-8. */
function textOf(header: string): string {
  const bytes = Buffer.from(header, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : header
}

/** The path without its query. A proxy may send the whole address. */
export function pathOf(request: IncomingMessage): string {
  const target = request.url ?? '/'
  const path = target.replace(/^https?:\/\/[^/?]*/i, '')
  const query = path.indexOf('?')
  const withoutQuery = query < 0 ? path : path.slice(0, query)
  return withoutQuery === '' ? '/' : withoutQuery
}

/** Paths of the admin listener; records are never taken there. */
export function isAdminPath(path: string): boolean {
  return path === '/-' || path.startsWith('/-/')
}
