import type { Template } from './template.ts'

/** How records are read and what is done to them before they are batched: the keys of `records`. */
export type RecordSettings = {
  /** `as_is`: the bytes that came. `envelope`: `{timeKey, tagKey, logKey: {...}}`, the rows of Fluent Bit's own Kusto output. */
  readonly shape: 'as_is' | 'envelope'
  readonly timeKey: string
  readonly tagKey: string
  readonly logKey: string
  /** The key in which the shipper puts the time of a record (`json_date_key` of Fluent Bit). */
  readonly dateKey: string
  /** `iso8601` rewrites numbers under `dateKey` (seconds, milliseconds, ... since 1970) as text that Kusto takes for a datetime. */
  readonly dateFormat: 'as_is' | 'iso8601'
  /** Fields that each record gets unless it has a field of that name. */
  readonly add: readonly AddedField[]
  /** Which lines that are not JSON become records of one field: those of text/plain, of any body, or none. */
  readonly wrapText: 'content_type' | 'always' | 'never'
  /** The name of that field. */
  readonly textKey: string
  /** What becomes of a record with a value over 1 MiB, of which Kusto would store a part or nothing. */
  readonly oversizedValues: 'dead_letter' | 'keep'
}

export type AddedField = { readonly key: string; readonly value: Template | number | boolean }
