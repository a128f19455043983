/**
 * JSON ingestion mappings: which part of a record goes to which column. A mapping that uses something that is not known here is
 * refused when it is created, so that no row comes out differently from the real service.
 */
import { KustoError } from '../kusto-error.ts'
import { fromJson } from './convert.ts'
import { itemsOf, propertiesOf } from './json-text.ts'
import { ticksFromUnix } from './ticks.ts'
import { Dynamic, missingValue, type Column, type Row, type Value } from './values.ts'

/** A record on its way into a table. `lineNumber` counts from 0, as the transform `SourceLineNumber` does. */
type SourceRecord = { readonly text: string; readonly lineNumber: number; readonly sourceUrl: string }

/** Makes the row of a record. */
export type RowMapper = (record: SourceRecord) => Row

/** `properties` are those of the record, found once for all columns; undefined when the record is not an object. */
type Reader = (record: SourceRecord, properties: Properties) => Value

type Properties = ReadonlyMap<string, string> | undefined

type MappingEntry = {
  column: string
  path?: string | undefined
  transform?: string | undefined
  constValue?: string | undefined
}

const unixTransforms: Readonly<Record<string, 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds'>> =
  {
    DateTimeFromUnixSeconds: 'seconds',
    DateTimeFromUnixMilliseconds: 'milliseconds',
    DateTimeFromUnixMicroseconds: 'microseconds',
    DateTimeFromUnixNanoseconds: 'nanoseconds',
  }

/** Maps each column to the property of the same name; names are case-sensitive. */
export function identityMapper(columns: readonly Column[]): RowMapper {
  return (record) => {
    const properties = propertiesOf(record.text)
    return columns.map(({ name, type }) => {
      const json = properties?.get(name)
      return json === undefined ? missingValue(type) : fromJson(json, type)
    })
  }
}

/** Compiles the JSON text of a mapping. Throws BadRequest_InvalidMapping. */
export function compileMapping(text: string, columns: readonly Column[]): RowMapper {
  const entries = parseMapping(text)
  const readers = columns.map((column) => {
    const entry = entries.find(({ column: name }) => name === column.name)
    return entry === undefined ? () => missingValue(column.type) : readerOf(entry, column, entries)
  })
  return (record) => {
    const properties = propertiesOf(record.text)
    return readers.map((read) => read(record, properties))
  }
}

/** Checks the text of a mapping without a table. Throws BadRequest_InvalidMapping. */
export function checkMapping(text: string): void {
  for (const entry of parseMapping(text)) readerOf(entry, { name: entry.column, type: 'dynamic' }, [])
}

function parseMapping(text: string): MappingEntry[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw invalidMapping('it is not JSON')
  }
  if (!Array.isArray(parsed) || parsed.length === 0)
    throw invalidMapping('it must be an array with at least one element')
  return parsed.map((element: unknown) => {
    const fields = lowerCaseFields(element)
    const properties = lowerCaseFields(fields.get('properties') ?? {})
    const pick = (name: string): string | undefined => {
      const value = properties.get(name) ?? fields.get(name)
      if (value === undefined || value === null || value === '') return undefined
      if (typeof value === 'string') return value
      if (typeof value !== 'number' && typeof value !== 'boolean')
        throw invalidMapping(`'${name}' is not text`)
      return String(value)
    }
    const column = pick('column')
    if (column === undefined) throw invalidMapping('an element has no column')
    return { column, path: pick('path'), transform: pick('transform'), constValue: pick('constvalue') }
  })
}

/** Services and tools disagree about the case of the field names, and Kusto takes both. */
function lowerCaseFields(element: unknown): Map<string, unknown> {
  if (typeof element !== 'object' || element === null) throw invalidMapping('an element is not an object')
  return new Map(Object.entries(element).map(([name, value]) => [name.toLowerCase(), value as unknown]))
}

function readerOf(entry: MappingEntry, column: Column, all: readonly MappingEntry[]): Reader {
  const { type } = column
  const { transform, constValue } = entry
  if (constValue !== undefined) return () => fromJson(JSON.stringify(constValue), type)
  if (transform === 'SourceLocation') return (record) => fromJson(JSON.stringify(record.sourceUrl), type)
  if (transform === 'SourceLineNumber') return (record) => fromJson(String(record.lineNumber), type)
  if (entry.path === undefined)
    throw invalidMapping(`column '${column.name}' has neither path nor constant value`)
  const path = parsePath(entry.path)
  if (transform === undefined) {
    return (record, properties) => {
      const json = select(record, properties, path)
      return json === undefined ? missingValue(type) : fromJson(json, type)
    }
  }
  if (transform === 'DropMappedFields') return dropMappedFields(path, entry, all)
  const unit = Object.hasOwn(unixTransforms, transform) ? unixTransforms[transform] : undefined
  if (unit === undefined) throw invalidMapping(`the local Kusto does not know the transform '${transform}'`)
  return (record, properties) => {
    const json = select(record, properties, path)
    if (json === undefined) return null
    const amount = fromJson(json, 'long')
    return typeof amount === 'bigint' ? (ticksFromUnix(amount, unit) ?? null) : null
  }
}

/** The record without the properties that other columns take. */
function dropMappedFields(path: readonly Step[], entry: MappingEntry, all: readonly MappingEntry[]): Reader {
  if (path.length > 0) throw invalidMapping('the local Kusto knows DropMappedFields for the path $ only')
  const mapped = new Set<Step>()
  for (const other of all) {
    if (other === entry || other.path === undefined) continue
    const [first, ...rest] = parsePath(other.path)
    if (first === undefined || rest.length > 0)
      throw invalidMapping('the local Kusto knows DropMappedFields beside paths of one step only')
    mapped.add(first)
  }
  return (_record, properties) => {
    const kept = [...(properties ?? [])].filter(([name]) => !mapped.has(name))
    return new Dynamic(`{${kept.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`)
  }
}

type Step = string | number

const stepForm =
  /\.([^.[\]'"\s]+)|\[\s*(\d+)\s*\]|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]/y

/** Reads `$`, `$.a.b`, `$['a b']` and `$.a[0]`. */
function parsePath(path: string): Step[] {
  const steps: Step[] = []
  let at = 1
  while (path.startsWith('$') && at < path.length) {
    stepForm.lastIndex = at
    const match = stepForm.exec(path)
    if (match === null) break
    const [, name, index, singleQuoted, doubleQuoted] = match
    const quoted = (singleQuoted ?? doubleQuoted)?.replaceAll(/\\(.)/g, '$1')
    steps.push(index === undefined ? (name ?? quoted ?? '') : Number(index))
    at = stepForm.lastIndex
  }
  if (!path.startsWith('$') || at < path.length)
    throw invalidMapping(`the local Kusto cannot read the path '${path}'`)
  return steps
}

function select(record: SourceRecord, properties: Properties, path: readonly Step[]): string | undefined {
  const [first, ...rest] = path
  let json = typeof first === 'string' ? properties?.get(first) : record.text
  for (const step of typeof first === 'string' ? rest : path) {
    if (json === undefined) return undefined
    json = typeof step === 'number' ? itemsOf(json)?.[step] : propertiesOf(json)?.get(step)
  }
  return json
}

function invalidMapping(reason: string): KustoError {
  return new KustoError('BadRequest_InvalidMapping', `The ingestion mapping is invalid: ${reason}.`)
}
