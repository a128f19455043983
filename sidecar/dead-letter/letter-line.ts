/**
 * A line of a dead-letter file: what it holds, and how a letter becomes one and is read from one. Lines of earlier versions lack where
 * they came from (`path`, `batch`); they are valid all the same.
 */
import { isUtf8 } from 'node:buffer'
import type { Destination } from '../core/destination.ts'
import type { DeadLetter, LetterOrigin } from '../core/ports.ts'
import type { RequestHead } from '../core/request-head.ts'

/** The bytes are in `record` when they are text, otherwise in `record_base64`. */
export type LetterLine = {
  /** ISO 8601 in UTC. */
  readonly time: string
  /** From the error catalogue of the version that wrote the line. */
  readonly code: string
  readonly reason: string
  readonly destination: string
  /** Of a letter that came with a request: its path, and the headers that describe these bytes. */
  readonly path?: string
  readonly tag?: string
  readonly content_type?: string
  readonly content_encoding?: string
  /** Of a letter that was in a batch: where that was to go. */
  readonly batch?: BatchKeys
  readonly record?: string
  readonly record_base64?: string
}

type BatchKeys = {
  readonly database: string
  readonly table: string
  readonly ingestion_mapping_ref?: string
  readonly flush_immediately: boolean
  readonly additional_tags: readonly string[]
  readonly drop_by_tags: readonly string[]
}

export function lineOf(letter: DeadLetter, time: string): LetterLine {
  const { code, reason, destination, origin, bytes } = letter
  const kept = isUtf8(bytes)
    ? { record: bytes.toString('utf8') }
    : { record_base64: bytes.toString('base64') }
  return { time, code, reason, destination, ...originKeys(origin), ...kept }
}

/** Whether a parsed line is a letter. What it says about its origin is looked at by `originOf`. */
export function isLetterLine(value: unknown): value is LetterLine {
  if (!isObject(value)) return false
  const { time, code, reason, destination, record, record_base64: base64 } = value
  if (![time, code, reason, destination].every((field) => typeof field === 'string')) return false
  return typeof record === 'string'
    ? base64 === undefined
    : record === undefined && typeof base64 === 'string'
}

/** Where a letter comes from; undefined when the line does not tell, as those of earlier versions, or not fully. */
export function originOf(line: LetterLine): LetterOrigin | undefined {
  if (line.batch !== undefined) {
    return isBatchKeys(line.batch) ? { kind: 'batch', destination: destinationOf(line.batch) } : undefined
  }
  const { path, tag, content_type: contentType, content_encoding: contentEncoding } = line
  if (typeof path !== 'string' || ![tag, contentType, contentEncoding].every(isTextOrAbsent)) return undefined
  const head: RequestHead = {
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  }
  return { kind: 'request', head }
}

/** The original bytes of a line. */
export function recordBytesOf({ record, record_base64: base64 = '' }: LetterLine): Buffer {
  return record === undefined ? Buffer.from(base64, 'base64') : Buffer.from(record, 'utf8')
}

/** How many these are. */
export function recordBytesCount({ record, record_base64: base64 = '' }: LetterLine): number {
  return record === undefined ? Buffer.byteLength(base64, 'base64') : Buffer.byteLength(record, 'utf8')
}

function originKeys(origin: LetterOrigin): Partial<LetterLine> {
  if (origin.kind === 'batch') return { batch: batchKeys(origin.destination) }
  const { path, tag, contentType, contentEncoding } = origin.head
  return {
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(contentType === undefined ? {} : { content_type: contentType }),
    ...(contentEncoding === undefined ? {} : { content_encoding: contentEncoding }),
  }
}

function batchKeys(destination: Destination): BatchKeys {
  const { database, table, ingestionMappingRef: mapping } = destination
  return {
    database,
    table,
    ...(mapping === undefined ? {} : { ingestion_mapping_ref: mapping }),
    flush_immediately: destination.flushImmediately,
    additional_tags: destination.additionalTags,
    drop_by_tags: destination.dropByTags,
  }
}

function destinationOf(keys: BatchKeys): Destination {
  const { database, table, ingestion_mapping_ref: mapping } = keys
  return {
    database,
    table,
    ...(mapping === undefined ? {} : { ingestionMappingRef: mapping }),
    flushImmediately: keys.flush_immediately,
    additionalTags: keys.additional_tags,
    dropByTags: keys.drop_by_tags,
  }
}

function isBatchKeys(value: unknown): value is BatchKeys {
  if (!isObject(value)) return false
  return (
    typeof value['database'] === 'string' &&
    typeof value['table'] === 'string' &&
    isTextOrAbsent(value['ingestion_mapping_ref']) &&
    typeof value['flush_immediately'] === 'boolean' &&
    isTexts(value['additional_tags']) &&
    isTexts(value['drop_by_tags'])
  )
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
