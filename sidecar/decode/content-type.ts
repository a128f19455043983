const linesOfJson = /^\s*application\/(?:x-)?(?:nd-?json|json-?l(?:ines)?)\s*(?:;|$)/i
const text = /^\s*text\//i

/** Whether a Content-Type says newline-delimited JSON, under any of its names and with any parameters. */
export function isLinesOfJson(contentType: string | undefined): boolean {
  return contentType !== undefined && linesOfJson.test(contentType)
}

/** Whether a Content-Type says text of any kind. Vector says `text/plain` for its codecs `text` and `raw_message`. */
export function isText(contentType: string | undefined): boolean {
  return contentType !== undefined && text.test(contentType)
}
