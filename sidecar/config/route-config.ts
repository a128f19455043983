import assert from 'node:assert/strict'
import type { WriteSettings } from '../core/destination.ts'
import { type Parsed, parseFieldPath } from '../core/field-path.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { parseTemplate, type Template } from '../core/template.ts'
import type { RecordsFile } from './records-section.ts'
import { routePath } from './route-path.ts'
import type { RouteFile } from './route-section.ts'

export type RouteConfig = {
  readonly match: {
    /** A whole request path without a slash at the end. */
    readonly path?: string
    readonly tag?: string
    readonly field?: {
      readonly path: readonly string[]
      readonly equals?: string | number | boolean | null
    }
  }
  readonly database: Template
  readonly table: Template
  readonly allowedDatabases: readonly string[]
  readonly allowedTables: readonly string[]
  /** The values of the route over the common ones. */
  readonly write: WriteSettings
  /** The values of the route over the common ones. */
  readonly records: RecordSettings
}

export function toRecords(records: Omit<RecordsFile, 'tag_header'>): RecordSettings {
  return {
    shape: records.shape,
    timeKey: records.time_key,
    tagKey: records.tag_key,
    logKey: records.log_key,
    dateKey: records.date_key,
    dateFormat: records.date_format,
    add: Object.entries(records.add).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? valid(parseTemplate(value)) : value,
    })),
    wrapText: records.wrap_text,
    textKey: records.text_key,
    oversizedValues: records.oversized_values,
  }
}

export function toRoute(
  route: RouteFile,
  write: WriteSettings,
  records: Omit<RecordsFile, 'tag_header'>,
): RouteConfig {
  const { match } = route
  const equals = match.equals === undefined ? {} : { equals: match.equals }
  return {
    match: {
      ...(match.path === undefined ? {} : { path: routePath(match.path) }),
      ...(match.tag === undefined ? {} : { tag: match.tag }),
      ...(match.field === undefined
        ? {}
        : { field: { path: valid(parseFieldPath(match.field)), ...equals } }),
    },
    database: valid(parseTemplate(route.database)),
    table: valid(parseTemplate(route.table)),
    allowedDatabases: route.allowed_databases ?? [],
    allowedTables: route.allowed_tables ?? [],
    write,
    records: toRecords({ ...records, ...route }),
  }
}

function valid<Value>(parsed: Parsed<Value>): Value {
  assert('value' in parsed)
  return parsed.value
}
