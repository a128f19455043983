import { isIP } from 'node:net'

/** `https://host` or `https://host:port` without anything behind it, or undefined when the text is not such a URL. */
export function parseKustoUrl(text: string): URL | undefined {
  if (text.length > 2_048 || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined
  // A connection string ("https://host;AppKey=...") parses as a URL, but not as a host name.
  if (!/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(url.hostname)) return undefined
  return url.pathname === '/' ? url : undefined
}

/** True for hosts that never leave this machine. */
export function isLoopback(url: URL): boolean {
  const host = bareHost(url)
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * The data management endpoint of a cluster: the same host with `ingest-` before its name, as in
 * learn.microsoft.com/kusto/api/connection-strings/kusto. Hosts without a public name (loopback, addresses) have one
 * endpoint for both.
 */
export function ingestionUrlOf(cluster: URL): URL {
  const url = new URL(cluster)
  if (isLoopback(url) || isIP(bareHost(url)) !== 0 || url.hostname.startsWith('ingest-')) return url
  url.hostname = `ingest-${url.hostname}`
  return url
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
