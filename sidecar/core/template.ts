import { type Parsed, readFieldPath } from './field-path.ts'

/** Text with places that a tag or a record fills: `{tag}`, `{tag[1]}`, `{record.kubernetes.namespace_name}`. */
export type Template = readonly TemplatePart[]

type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  /** Without an index the whole tag, else the part of it between dots, counted from 0. */
  | { readonly kind: 'tag'; readonly index?: number }
  /** The keys that lead to a field of the record. */
  | { readonly kind: 'record'; readonly path: readonly string[] }

const known = 'known are {tag}, {tag[0]} and {record.key}, and {{ and }} are the braces themselves'

/**
 * Reads a template. `{{` and `}}` stand for braces, and a key with dots is written `{record['a.b']}`. A problem names its place and
 * repeats nothing of the text.
 */
export function parseTemplate(text: string): Parsed<Template> {
  const parts: TemplatePart[] = []
  let offset = 0
  while (offset < text.length) {
    const end = nextBrace(text, offset)
    if (end > offset) parts.push({ kind: 'text', text: text.slice(offset, end) })
    if (end === text.length) break
    if (text[end + 1] === text[end]) {
      parts.push({ kind: 'text', text: text.charAt(end) })
      offset = end + 2
      continue
    }
    if (text[end] === '}') return { problem: `the "}" at character ${end + 1} closes nothing; ${known}` }
    const placeholder = readPlaceholder(text, end)
    if ('problem' in placeholder) return placeholder
    parts.push(placeholder.value.part)
    offset = placeholder.value.end
  }
  return { value: merged(parts) }
}

/** The text of a template that nothing has to fill; undefined when something has. */
export function fixedText(template: Template): string | undefined {
  if (template.length === 0) return ''
  const [only] = template
  return template.length === 1 && only?.kind === 'text' ? only.text : undefined
}

export function usesTag(template: Template): boolean {
  return template.some((part) => part.kind === 'tag')
}

/** The template with the tag in its places; undefined when the tag, or the part of it that is asked for, is absent. */
export function withTag(template: Template, tag: string | undefined): Template | undefined {
  if (!usesTag(template)) return template
  if (tag === undefined) return undefined
  const tagParts = tag.split('.')
  const parts: TemplatePart[] = []
  for (const part of template) {
    const text = part.kind !== 'tag' ? undefined : part.index === undefined ? tag : tagParts[part.index]
    if (part.kind === 'tag' && text === undefined) return undefined
    parts.push(text === undefined ? part : { kind: 'text', text })
  }
  return merged(parts)
}

/** Fills the fields of a record in; undefined when `field` finds one of them not. The tag must be in its places already. */
export function fillTemplate(
  template: Template,
  field: (path: readonly string[]) => string | undefined,
): string | undefined {
  let filled = ''
  for (const part of template) {
    const text = part.kind === 'text' ? part.text : part.kind === 'record' ? field(part.path) : undefined
    if (text === undefined) return undefined
    filled += text
  }
  return filled
}

function nextBrace(text: string, start: number): number {
  const found = text.slice(start).search(/[{}]/)
  return found < 0 ? text.length : start + found
}

/** Reads what starts with the brace at `start`. */
function readPlaceholder(text: string, start: number): Parsed<{ part: TemplatePart; end: number }> {
  const place = `the placeholder at character ${start + 1}`
  const tag = /^\{tag(?:\[(\d{1,4})\])?\}/.exec(text.slice(start, start + 12))
  if (tag !== null) {
    const index = tag[1] === undefined ? {} : { index: Number(tag[1]) }
    return { value: { part: { kind: 'tag', ...index }, end: start + tag[0].length } }
  }
  if (text.startsWith('{tag[', start)) {
    return { problem: `${place} needs a part of the tag counted from 0, such as {tag[1]}` }
  }
  if (!/^record[.[}]/.test(text.slice(start + 1, start + 8))) {
    const isWord = /^\{[\w.-]+\}/.test(text.slice(start))
    return { problem: `${place} is unknown; ${isWord ? 'a field is written {record.NAME}; ' : ''}${known}` }
  }
  const path = readFieldPath(text, start + '{record'.length, false)
  if ('problem' in path) return path
  const { keys, end } = path.value
  if (keys.length === 0) return { problem: `${place} needs a key of the record, such as {record.app}` }
  if (text[end] !== '}')
    return {
      problem: `${place} has no closing "}" behind its keys, which a key with other characters needs in ['...']`,
    }
  return { value: { part: { kind: 'record', path: keys }, end: end + 1 } }
}

/** With neighbouring texts joined. */
function merged(parts: readonly TemplatePart[]): Template {
  const result: TemplatePart[] = []
  for (const part of parts) {
    const previous = result.at(-1)
    if (part.kind === 'text' && previous?.kind === 'text') {
      result[result.length - 1] = { kind: 'text', text: previous.text + part.text }
    } else if (part.kind !== 'text' || part.text !== '') result.push(part)
  }
  return result
}
