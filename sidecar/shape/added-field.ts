import {
  findValue,
  type MemberCursor,
  type MemberKey,
  memberKey,
  stringAt,
  typeAt,
} from '../core/json-members.ts'
import type { AddedField } from '../core/record-settings.ts'
import { fillTemplate, fixedText, type Template, withTag } from '../core/template.ts'
import type { BlockWriter } from './block-writer.ts'

/** Longer values are not put into texts: Kusto would cut the text, and many of them in one text take any amount of memory. */
const maxPartBytes = 1_048_576

/** The record that is being shaped. */
type RecordPlace = { readonly cursor: MemberCursor; readonly start: number; readonly end: number }

/** A field that records get, for the requests of one tag. */
export type FieldToAdd = {
  readonly key: MemberKey
  /** Writes `"key":value`; nothing, and false, when the record lacks what the value is made of. */
  append(writer: BlockWriter, place: RecordPlace): boolean
}

/** Undefined when the tag lacks what the value is made of, so that no record gets the field. */
export function fieldToAdd({ key, value }: AddedField, tag: string | undefined): FieldToAdd | undefined {
  const prefix = Buffer.from(`${JSON.stringify(key)}:`)
  const constant = (json: string): FieldToAdd => {
    const member = Buffer.concat([prefix, Buffer.from(json)])
    const append = (writer: BlockWriter) => {
      writer.write(member)
      return true
    }
    return { key: memberKey(key), append }
  }
  if (typeof value === 'number' || typeof value === 'boolean') return constant(JSON.stringify(value))
  const template = withTag(value, tag)
  if (template === undefined) return undefined
  const text = fixedText(template)
  if (text !== undefined) return constant(JSON.stringify(text))
  const append = isOneField(template) ? copiedValue(prefix, template) : filledText(prefix, template)
  return { key: memberKey(key), append }
}

type OneField = readonly [{ readonly kind: 'record'; readonly path: readonly string[] }]

function isOneField(template: Template): template is OneField {
  return template.length === 1 && template[0]?.kind === 'record'
}

/** A value of the record alone keeps its bytes and so its type. */
function copiedValue(prefix: Buffer, [{ path }]: OneField): FieldToAdd['append'] {
  const keys = path.map(memberKey)
  return (writer, { cursor, start, end }) => {
    const value = findValue(cursor, start, end, keys)
    if (value === undefined) return false
    writer.write(prefix)
    writer.copy(cursor.bytes, value.start, value.end)
    return true
  }
}

function filledText(prefix: Buffer, template: Template): FieldToAdd['append'] {
  const keysOf = new Map<readonly string[], readonly MemberKey[]>()
  for (const part of template) if (part.kind === 'record') keysOf.set(part.path, part.path.map(memberKey))
  return (writer, place) => {
    const text = fillTemplate(template, (path) => partText(place, keysOf.get(path) ?? []))
    if (text === undefined) return false
    writer.write(prefix)
    writer.write(Buffer.from(JSON.stringify(text)))
    return true
  }
}

/** A text, or a number or truth value as it is written; undefined for what has no place in a text. */
function partText({ cursor, start, end }: RecordPlace, keys: readonly MemberKey[]): string | undefined {
  const value = findValue(cursor, start, end, keys)
  if (value === undefined || value.end - value.start > maxPartBytes) return undefined
  const type = typeAt(cursor.bytes, value.start)
  if (type === 'string') return stringAt(cursor.bytes, value.start, value.end)
  return type === 'number' || type === 'boolean'
    ? cursor.bytes.toString('latin1', value.start, value.end)
    : undefined
}
