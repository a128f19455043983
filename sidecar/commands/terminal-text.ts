import { isUtf8 } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'

/**
 * Characters that a terminal acts on or hides: control characters (C0, DEL, C1), format characters such as those that turn the
 * direction of text, half surrogate pairs, and the line breaks of Unicode. Records come from anybody, so none is written as it is.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu
/** Of these, what JSON lets stand in a text. */
const unsafeInJson = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu
const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text on one line, with an escape in the place of each unsafe character. */
export function oneLine(text: string): string {
  return text.replace(unsafe, (character) => shortEscapes[character] ?? escapeOf(character))
}

/** As `oneLine`, cut at so many characters. */
export function shortLine(text: string, maxLength: number): string {
  const characters = Array.from(oneLine(text.slice(0, maxLength + 1)))
  return characters.length > maxLength
    ? `${characters.slice(0, maxLength - 3).join('')}...`
    : characters.join('')
}

/** A record on lines of its own, each behind `indent`, so that no record can look like the text around it. Bytes that are not text become `\xff`. */
export function recordText(bytes: Buffer, maxBytes: number, indent: string): string {
  const shown = bytes.subarray(0, maxBytes)
  const text = isUtf8(bytes) ? new StringDecoder('utf8').write(shown) : bytesText(shown)
  const lines = text.split('\n').map((line) => indent + oneLine(line))
  if (bytes.length > maxBytes)
    lines.push(`${indent}... ${bytes.length - maxBytes} more bytes (--full shows them)`)
  return lines.join('\n')
}

/** JSON of one line, in which unsafe characters are escaped the way of JSON. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafeInJson, (character) =>
    Array.from({ length: character.length }, (_, index) => jsonEscapeOf(character.charCodeAt(index))).join(
      '',
    ),
  )
}

function escapeOf(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}

function jsonEscapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

function bytesText(bytes: Buffer): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('')
}
