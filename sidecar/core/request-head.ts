/**
 * What a request says about its records besides its body. All of it is the word of the sender, of any length that a header may
 * have, and is to be checked before it is used for anything.
 */
export type RequestHead = {
  /** The path without its query. */
  readonly path: string
  /** The value of the tag header (`records.tag_header`). */
  readonly tag?: string
  readonly contentType?: string
  readonly contentEncoding?: string
  /** Where an operator who replays a dead letter wants it; no header says this, and routes do not change it. */
  readonly to?: { readonly database: string; readonly table: string }
}

const otlpPath = /\/v1\/logs\/?$/

/** Whether the body is one of OTLP: every exporter of OpenTelemetry puts `/v1/logs` at the end of its endpoint. */
export function isOtlpPath(path: string): boolean {
  return otlpPath.test(path)
}

/** The path without the part that only says that the body is OTLP; `/` when nothing is left. */
export function withoutOtlpSuffix(path: string): string {
  const rest = path.replace(otlpPath, '')
  return rest === '' ? '/' : rest
}
