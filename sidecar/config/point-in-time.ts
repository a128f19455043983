/** A time on the command line: fixed, or before the moment in which the command runs. */
export type PointInTime = { readonly atMs: number } | { readonly agoMs: number }

export const pointInTimeExpected = 'a time such as "2026-01-02T03:04:05Z" or "2h" (ago; s, m, h or d)'

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads ISO 8601 (UTC unless it has a zone) or `30m`, `2h`, `7d`; undefined when the text is something else. */
export function parsePointInTime(text: string): PointInTime | undefined {
  const ago = /^(?<count>[0-9]{1,7})(?<unit>[smhd])$/.exec(text)?.groups
  if (ago !== undefined) return { agoMs: Number(ago['count']) * unitMs[ago['unit'] as keyof typeof unitMs] }
  const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  if (iso === null) return undefined
  const [, date = '', time = '00:00', zone = 'Z'] = iso
  const atMs = Date.parse(`${date}T${time}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`)
  return Number.isNaN(atMs) ? undefined : { atMs }
}

export function resolveTime(point: PointInTime, nowMs: number): number {
  return 'atMs' in point ? point.atMs : nowMs - point.agoMs
}
