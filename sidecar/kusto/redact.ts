const longestMessage = 400

/**
 * A text from outside that may be logged: without query strings (a SAS is one), bearer tokens, JSON web tokens or values of
 * secrets, and not longer than a line. Errors of HTTP libraries quote addresses, and Kusto quotes what it was sent.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(https?:\/\/[^\s"'?;]+)[?;][^\s"']*/gi, '$1?[removed]')
    .replaceAll(/\b(sig|se|sv|sp|sr|skoid)=[^\s&"']+/gi, '$1=[removed]')
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 [removed]')
    .replaceAll(/\beyJ[\w-]+\.[\w.-]+/g, '[removed]')
    .replaceAll(
      /((?:client_)?secret|password|api[_-]?key|token)(["']?\s*[:=]\s*["']?)[^\s"'&,}]+/gi,
      '$1$2[removed]',
    )
    .slice(0, longestMessage)
}

/** A URL without its query, for messages and for what is kept. */
export function withoutSas(url: string): string {
  const query = url.search(/[?;]/)
  return query < 0 ? url : url.slice(0, query)
}
