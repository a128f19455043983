/**
 * Makes sure that a staging table is there and is as it has to be: the columns of its target, the mapping of the batch, no merging of
 * extents, a retention that ends what late messages leave. Only what is missing is changed, so that an identity that may not
 * change tables can use what an administrator made.
 *
 * `.create table ... based-on` is not used: it needs Database Admin, and copies policies (partitioning, row-level security) that have no
 * place there.
 */
import { LRUCache } from 'lru-cache'
import type { Clock, SealedBatch } from '../core/ports.ts'
import { destinationLabel, ingestedTable } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import type { Log } from '../observability/log.ts'
import type { EngineClient } from './engine.ts'
import { quotedName, quotedText } from './kusto-text.ts'
import type { Row } from './management.ts'
import { columnsOf, isMergingOff, mappingOf, policyOf, type Column } from './table-facts.ts'

/** How long a table is believed to be as it was: columns and mappings of the target change now and then. */
const preparedMs = 10 * 60_000
/** After a refusal nobody tries for so long: rights are given by people. */
const refusedMs = 60_000
const maxTables = 1_000

type Options = { readonly engine: Pick<EngineClient, 'command'>; readonly clock: Clock; readonly log: Log }

export class StagingTables {
  readonly #options: Options
  readonly #tables: LRUCache<string, { readonly work: Promise<void>; untilMs: number }>

  constructor(options: Options) {
    this.#options = options
    this.#tables = new LRUCache({ max: maxTables })
  }

  /** Resolves when messages may be sent into the staging table of this batch. Calls for one table share the work. */
  async prepare(batch: SealedBatch): Promise<void> {
    const key = keyOf(batch)
    const nowMs = this.#options.clock.monotonic()
    const known = this.#tables.get(key)
    if (known !== undefined && nowMs < known.untilMs) return known.work
    const fresh = { work: this.#prepare(batch), untilMs: Infinity }
    this.#tables.set(key, fresh)
    try {
      await fresh.work
      fresh.untilMs = this.#options.clock.monotonic() + preparedMs
    } catch (error) {
      const isRefused = error instanceof SidecarError && error.code === 'KUSTO_STAGING_REFUSED'
      fresh.untilMs = isRefused ? this.#options.clock.monotonic() + refusedMs : 0
      throw error
    }
  }

  /** Kusto does not know the table, or not well enough: the next batch looks again. */
  forget(batch: SealedBatch): void {
    this.#tables.delete(keyOf(batch))
  }

  async #prepare(batch: SealedBatch): Promise<void> {
    const commands = await this.#missing(batch)
    const { database } = batch.destination
    for (const command of commands) {
      const answer = await this.#options.engine.command(database, command)
      if (answer.kind === 'refused') throw refusedError(batch, answer.error, commands)
    }
    if (commands.length === 0) return
    this.#options.log.info(
      { event: 'kusto.staging_prepared', destination: destinationLabel(batch.destination) },
      `The staging table ${ingestedTable(batch)} was made, or brought into form.`,
    )
  }

  /** The commands that bring it into form, in the order in which they have to be given. */
  async #missing(batch: SealedBatch): Promise<string[]> {
    const { table, ingestionMappingRef } = batch.destination
    const staging = ingestedTable(batch)
    const wanted = columnsOf(await this.#ask(batch, `.show table ${quotedName(table)} schema as json`))
    if (wanted === undefined) throw refusedError(batch, new Error('The table does not exist.'), [])
    const found = columnsOf(await this.#ask(batch, `.show table ${quotedName(staging)} schema as json`))
    const ask = (what: string) =>
      found === undefined ? undefined : this.#ask(batch, `.show table ${quotedName(staging)} ${what}`)
    const commands: string[] = []
    if (!hasAll(found, wanted)) commands.push(createCommand(staging, wanted))
    if (!isMergingOff(policyOf(await ask('policy merge')))) commands.push(mergeCommand(staging))
    if (policyOf(await ask('policy retention')) === undefined) commands.push(retentionCommand(staging))
    if (ingestionMappingRef === undefined) return commands
    const mappings = `.show table ${quotedName(table)} ingestion json mappings`
    const mapping = mappingOf(await this.#ask(batch, mappings), ingestionMappingRef)
    // One that the target lacks fails the ingestion, with an error that names it.
    if (
      mapping !== undefined &&
      mapping !== mappingOf(await ask('ingestion json mappings'), ingestionMappingRef)
    )
      commands.push(mappingCommand(staging, ingestionMappingRef, mapping))
    return commands
  }

  /** Undefined when Kusto does not know what is asked for. */
  async #ask(batch: SealedBatch, command: string): Promise<readonly Row[] | undefined> {
    const answer = await this.#options.engine.command(batch.destination.database, command)
    if (answer.kind === 'rows') return answer.rows
    if (answer.isAboutEntity) return undefined
    throw refusedError(batch, answer.error, [])
  }
}

function keyOf(batch: SealedBatch): string {
  const { database, table, ingestionMappingRef } = batch.destination
  return JSON.stringify([database, table, ingestedTable(batch), ingestionMappingRef])
}

function hasAll(found: readonly Column[] | undefined, wanted: readonly Column[]): boolean {
  const types = new Map(found?.map(({ name, type }) => [name, type]))
  return wanted.every(({ name, type }) => types.get(name) === type)
}

function createCommand(staging: string, columns: readonly Column[]): string {
  const list = columns.map(({ name, type }) => `${quotedName(name)}:${type}`).join(', ')
  return `.create-merge table ${quotedName(staging)} (${list})`
}

/** `ingest-by:` tags do not keep extents from being merged, and a merged one could be moved only with all of its batches. */
function mergeCommand(staging: string): string {
  return `.alter table ${quotedName(staging)} policy merge '{"AllowRebuild":false,"AllowMerge":false}'`
}

function retentionCommand(staging: string): string {
  return `.alter-merge table ${quotedName(staging)} policy retention softdelete = 7d recoverability = disabled`
}

function mappingCommand(staging: string, name: string, mapping: string): string {
  return `.create-or-alter table ${quotedName(staging)} ingestion json mapping ${quotedText(name)} ${quotedText(mapping)}`
}

function refusedError(batch: SealedBatch, cause: Error, commands: readonly string[]): SidecarError {
  const { database, table } = batch.destination
  const identity = "('aadapp=<application id>;<tenant id>')"
  const admins = [table, ingestedTable(batch)].map(
    (name) => `.add table ${quotedName(name)} admins ${identity}`,
  )
  return new SidecarError(
    'KUSTO_STAGING_REFUSED',
    `The staging table of ${destinationLabel(batch.destination)} cannot be used: ${cause.message} ` +
      `Its batches wait. An administrator of database ${database} can run: ${[...commands, ...admins].join(' ; ')}`,
    { cause },
  )
}
