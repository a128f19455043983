const segment = '[A-Za-z0-9._~-]+'
const bareName = new RegExp(`^${segment}$`)
const requestPath = new RegExp(`^/(?:${segment}(?:/${segment})*/?)?$`)
const reserved = /^\/(?:healthz|readyz|metrics|-(?:\/.*)?)$/

/**
 * The request path that `match.path` stands for: a bare name such as `nginx` means `/ingest/nginx`, and a slash at the
 * end does not count. Only characters that need no escaping in a URL are allowed, so that a path is written in one way.
 */
export function routePath(text: string): string {
  if (bareName.test(text)) return `/ingest/${text}`
  return text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text
}

/** What is wrong with a `match.path`, or undefined. */
export function routePathProblem(text: string): string | undefined {
  if (text.length > 1_024) return 'expected a path of at most 1024 characters'
  if (!bareName.test(text) && !requestPath.test(text)) {
    return 'expected a path such as "/ingest/nginx" or a name such as "nginx", of letters, digits, "-", "_", "." and "~", found other text'
  }
  const path = routePath(text)
  if (/\/\.{1,2}(?:\/|$)/.test(path)) return 'a path may not have "." or ".." between its slashes'
  if (reserved.test(path)) return 'this path is taken by the sidecar itself'
  return undefined
}
