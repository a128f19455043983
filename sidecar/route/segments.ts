/** A part of a path between slashes. */
export type Segment = {
  /** Percent-decoded, or as it came when it is malformed. */
  readonly text: string
  /** A "%" is not followed by two hexadecimal digits, or the bytes are not UTF-8. */
  readonly isMalformed: boolean
}

/**
 * The segments of a request path, each decoded on its own. One slash at the end does not count; `/` and the empty path have
 * no segments. An empty segment between two slashes stays one.
 */
export function segmentsOf(path: string): Segment[] {
  const parts = path.split('/')
  if (parts[0] === '') parts.shift()
  if (parts.at(-1) === '') parts.pop()
  return parts.map(decode)
}

/** Equal for paths that differ only in how they are escaped. */
export function pathKey(segments: readonly Segment[]): string {
  return JSON.stringify(segments.map((segment) => (segment.isMalformed ? null : segment.text)))
}

function decode(part: string): Segment {
  if (!part.includes('%')) return { text: part, isMalformed: false }
  try {
    return { text: decodeURIComponent(part), isMalformed: false }
  } catch {
    return { text: part, isMalformed: true }
  }
}
