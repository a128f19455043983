import type { WriteSettings } from '../core/destination.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import type { Template } from '../core/template.ts'
import { type Wildcard, wildcard } from '../core/wildcard.ts'
import { type FieldCondition, fieldCondition } from './field-condition.ts'
import { NameRule } from './name-rule.ts'
import { pathKey, segmentsOf } from './segments.ts'

/** An entry of `routes`. */
export type RouteOptions = {
  /** All that is given must hold. */
  readonly match: {
    readonly path?: string
    /** A pattern with `*`. */
    readonly tag?: string
    /** Without `equals` the field must be there and not null. */
    readonly field?: {
      readonly path: readonly string[]
      readonly equals?: string | number | boolean | null
    }
  }
  readonly database: Template
  readonly table: Template
  /** Exact names and patterns with `*`; only names that are made from a tag or record are held against them. */
  readonly allowedDatabases: readonly string[]
  readonly allowedTables: readonly string[]
  readonly write: WriteSettings
  readonly records: RecordSettings
}

/** A route in the form in which it is asked for each request. */
export type Route = {
  /** As in `routes[2]`; tells routes apart. */
  readonly label: string
  /** Undefined for a route of every path. */
  readonly pathKey: string | undefined
  /** Undefined for a route of every tag, and of none. */
  readonly fitsTag: Wildcard | undefined
  readonly field: FieldCondition | undefined
  readonly database: NameRule
  readonly table: NameRule
  readonly write: WriteSettings
  readonly records: RecordSettings
}

export function compileRoute(options: RouteOptions, index: number): Route {
  const { match, write, records } = options
  const label = `routes[${index}]`
  const rule = (kind: 'database' | 'table', template: Template, allowed: readonly string[]) =>
    new NameRule({
      kind,
      template,
      allowed,
      madeBy: `${label}.${kind}`,
      allowedKey: `${label}.allowed_${kind}s`,
    })
  return {
    label,
    pathKey: match.path === undefined ? undefined : pathKey(segmentsOf(match.path)),
    fitsTag: match.tag === undefined ? undefined : wildcard(match.tag),
    field: match.field === undefined ? undefined : fieldCondition(match.field),
    database: rule('database', options.database, options.allowedDatabases),
    table: rule('table', options.table, options.allowedTables),
    write,
    records,
  }
}
