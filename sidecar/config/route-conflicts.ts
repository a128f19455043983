import { parseFieldPath } from '../core/field-path.ts'
import { fixedText, parseTemplate } from '../core/template.ts'
import type { Check, Path } from './check.ts'
import { routePath } from './route-path.ts'
import type { RouteFile } from './route-section.ts'
import type { ConfigFile } from './schema.ts'

/** Impossible combinations in `routes` and `records`. Lists of a wrong type have been told already. */
export function checkRoutes({ routes, records }: ConfigFile, check: Check): void {
  checkEnvelope(records, ['records'], check)
  if (!Array.isArray(routes)) return
  const earlier: { readonly index: number; readonly conditions: readonly string[] }[] = []
  for (const [index, route] of routes.entries()) {
    const path = ['routes', index]
    checkAllowed(route, path, check)
    check.when([['records'], path], () => {
      const overridesKeys = envelopeKeys.some((key) => route[key] !== undefined) || route.shape !== undefined
      // A route that only inherits has been told with `records`.
      if (overridesKeys) checkEnvelope({ ...records, ...route }, path, check)
    })
    check.when([[...path, 'match']], () => {
      checkMatch(route.match, [...path, 'match'], earlier, check)
      earlier.push({ index, conditions: conditionsOf(route.match) })
    })
  }
}

function checkMatch(
  match: RouteFile['match'],
  path: Path,
  earlier: readonly { readonly index: number; readonly conditions: readonly string[] }[],
  { report }: Check,
): void {
  if (match.equals !== undefined && match.field === undefined) {
    report([...path, 'equals'], 'needs the key "field" beside it, which names the field to compare')
    return
  }
  const conditions = conditionsOf(match)
  if (conditions.length === 0) {
    report(
      path,
      'expected at least one of "path", "tag" and "field"; for all other records set kusto.database and kusto.table',
    )
    return
  }
  const implied = new Set([...conditions, ...impliedBy(match)])
  const first = earlier.find(
    (other) => other.conditions.length > 0 && other.conditions.every((condition) => implied.has(condition)),
  )
  if (first === undefined) return
  report(
    path,
    `takes only what routes[${first.index}] has taken before, so that this route is never used; put it first or change it`,
  )
}

/** Each condition as a text that is equal for equal conditions. */
function conditionsOf({ path, tag, field, equals }: RouteFile['match']): string[] {
  const conditions: string[] = []
  if (path !== undefined) conditions.push(`path ${routePath(path)}`)
  if (tag !== undefined) conditions.push(`tag ${tag}`)
  if (field !== undefined) {
    const keys = keysText(field)
    conditions.push(equals === undefined ? `has ${keys}` : `equals ${JSON.stringify(equals)} ${keys}`)
  }
  return conditions
}

/** A field that equals anything but null is there. */
function impliedBy({ field, equals }: RouteFile['match']): string[] {
  return field === undefined || equals === undefined || equals === null ? [] : [`has ${keysText(field)}`]
}

function keysText(field: string): string {
  const parsed = parseFieldPath(field)
  return JSON.stringify('value' in parsed ? parsed.value : field)
}

function checkAllowed(route: RouteFile, path: Path, { when, report }: Check): void {
  for (const kind of ['database', 'table'] as const) {
    const key = `allowed_${kind}s` as const
    when(
      [
        [...path, kind],
        [...path, key],
      ],
      () => {
        const parsed = parseTemplate(route[kind])
        const isFixed = 'value' in parsed && fixedText(parsed.value) !== undefined
        const allowed = route[key]
        if (isFixed && allowed !== undefined) {
          report([...path, key], `is not used, since ${kind} is a fixed name; remove it`)
        }
        if (!isFixed && (allowed === undefined || allowed.length === 0)) {
          report(
            [...path, key],
            `expected the names that ${kind} may become, since it is a template; "*" in a name stands for any characters`,
          )
        }
      },
    )
  }
}

const envelopeKeys = ['time_key', 'tag_key', 'log_key'] as const

function checkEnvelope(
  records: Pick<ConfigFile['records'], 'shape' | (typeof envelopeKeys)[number]>,
  path: Path,
  { when, report }: Check,
): void {
  when([[...path, 'shape'], ...envelopeKeys.map((key) => [...path, key])], () => {
    if (records.shape !== 'envelope') return
    const names = envelopeKeys.map((key) => records[key])
    if (new Set(names).size === names.length) return
    report([...path, 'shape'], 'needs three different names in time_key, tag_key and log_key')
  })
}
