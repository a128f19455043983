/** Whether a table has an extent that carries the tag of a batch: the answer that does not depend on any status row. */
import { LRUCache } from 'lru-cache'
import type { BatchId, Clock, SealedBatch } from '../core/ports.ts'
import { SidecarError } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { EngineAnswer, EngineClient } from './engine.ts'
import { quotedName, quotedText } from './kusto-text.ts'

/** After a refusal nobody asks for so long: rights are given by people. */
const refusalMs = 10 * 60_000
const maxRefusals = 1_000

export function tagOf(batchId: BatchId): string {
  return `ingest-by:${batchId}`
}

export function extentsCommand(table: string, batchId: BatchId): string {
  return `.show table ${quotedName(table)} extents where tags has ${quotedText(tagOf(batchId))}`
}

/**
 * Whether the `Tags` of an extent hold exactly this tag. They come as text with one tag a line or between spaces, or as a JSON array. What
 * `has` finds is not enough: the id of batch 12 begins with that of batch 1.
 */
export function carriesTag(tags: unknown, tag: string): boolean {
  return tagsOf(tags).includes(tag)
}

export function tagsOf(tags: unknown): string[] {
  if (Array.isArray(tags)) return tags.filter((tag) => typeof tag === 'string')
  if (typeof tags !== 'string') return []
  if (tags.trimStart().startsWith('[')) {
    try {
      return tagsOf(JSON.parse(tags) as unknown[])
    } catch {
      // Then it is a text that only begins like an array.
    }
  }
  return tags.split(/\s+/)
}

export class ExtentQuestions {
  readonly #engine: Pick<EngineClient, 'command'>
  readonly #log: Log
  /** What need not be asked for a while: a database, or one table of it. */
  readonly #refusals: LRUCache<string, true>

  constructor({ engine, clock, log }: { engine: Pick<EngineClient, 'command'>; clock: Clock; log: Log }) {
    this.#engine = engine
    this.#log = log
    this.#refusals = new LRUCache<string, true>({
      max: maxRefusals,
      ttl: refusalMs,
      // lru-cache takes a time of 0 for "no time", so a clock that starts there is moved by one.
      perf: { now: () => clock.monotonic() + 1 },
      ttlResolution: 0,
    })
  }

  /** Whether Kusto is known not to answer such a question about this batch for now. */
  isRefused({ destination: { database, table } }: SealedBatch): boolean {
    return this.#refusals.has(databaseKey(database)) || this.#refusals.has(tableKey(database, table))
  }

  ask({ id, destination: { database, table } }: SealedBatch): Promise<EngineAnswer> {
    return this.#engine.command(database, extentsCommand(table, id))
  }

  /** Undefined when the answer is a refusal, which is remembered. */
  judge(batch: SealedBatch, answer: EngineAnswer): boolean | undefined {
    if (answer.kind === 'refused') return this.#remember(batch, answer)
    const tag = tagOf(batch.id)
    return answer.rows.some((row) => {
      if (!('Tags' in row))
        throw new SidecarError('KUSTO_UNCLASSIFIED', 'Kusto showed extents without their tags.')
      return carriesTag(row['Tags'], tag)
    })
  }

  #remember({ destination: { database, table } }: SealedBatch, answer: EngineAnswer & { kind: 'refused' }) {
    // A table that is not found says nothing about the others.
    this.#refusals.set(answer.isAboutEntity ? tableKey(database, table) : databaseKey(database), true)
    this.#log.warn(
      { event: 'kusto.extents_refused', code: answer.error.code, destination: `${database}.${table}` },
      `${answer.error.message} Whether a batch is in its table is now learned from the status table alone, and asked again in ` +
        `${refusalMs / 60_000} minutes. The role Database Viewer or Database Monitor lets the identity ask.`,
    )
    return undefined
  }
}

function databaseKey(database: string): string {
  return JSON.stringify([database])
}

function tableKey(database: string, table: string): string {
  return JSON.stringify([database, table])
}
