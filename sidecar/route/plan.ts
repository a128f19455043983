import type { Target } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import type { Division, RoutePlan } from '../core/ports.ts'
import { type RecordBlock, recordCount } from '../core/record-block.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { fillTemplate, type Template } from '../core/template.ts'
import { divideBlock } from './divide-block.ts'
import type { FieldCondition } from './field-condition.ts'
import { FieldPaths, FieldReader } from './field-reader.ts'
import type { Route } from './route.ts'
import { nameKey, type TargetMemory, targetOf } from './targets.ts'

/** Where a record goes, or why it goes nowhere. */
export type Outcome = Target | SidecarError

/** Names that each record decides; the tag is in the templates already. */
export class NamesFromRecord {
  readonly route: Route
  readonly database: Template
  readonly table: Template

  constructor(route: Route, database: Template, table: Template) {
    this.route = route
    this.database = database
    this.table = table
  }
}

/** A route that path and tag leave in question. The last one of a plan has no field and takes what is left. */
export type Candidate = {
  readonly field: FieldCondition | undefined
  readonly outcome: Outcome | NamesFromRecord
}

/** The plan of a block that goes somewhere as a whole. */
export function wholePlan(outcome: Outcome, records: RecordSettings): RoutePlan {
  return {
    records,
    divide(block) {
      if (recordCount(block) === 0) return { routed: [], unrouted: [] }
      if (outcome instanceof SidecarError) return { routed: [], unrouted: [{ block, why: outcome }] }
      return { routed: [{ target: outcome, block }], unrouted: [] }
    },
  }
}

type FieldPlanOptions = {
  readonly candidates: readonly Candidate[]
  readonly records: RecordSettings
  readonly targets: TargetMemory
  readonly maxTargets: number
}

/** The plan of a block whose records are looked at one by one. */
export class FieldPlan implements RoutePlan {
  readonly records: RecordSettings
  readonly #options: FieldPlanOptions
  readonly #paths = new FieldPaths()

  constructor(options: FieldPlanOptions) {
    this.#options = options
    this.records = options.records
    for (const { field, outcome } of options.candidates) {
      if (field !== undefined) this.#paths.add(field.path)
      if (!(outcome instanceof NamesFromRecord)) continue
      for (const part of [...outcome.database, ...outcome.table]) {
        if (part.kind === 'record') this.#paths.add(part.path)
      }
    }
  }

  divide(block: RecordBlock): Division {
    if (recordCount(block) === 0) return { routed: [], unrouted: [] }
    const reader = new FieldReader(block.bytes, this.#paths)
    const parts = new Parts(this.#options)
    const partOf = new Uint32Array(recordCount(block))
    for (let record = 0, start = 0; record < partOf.length; record += 1) {
      const end = block.ends[record] as number
      reader.enter(start, end - 1)
      const index = this.#options.candidates.findIndex(({ field }) => field?.holds(reader) !== false)
      partOf[record] = parts.indexFor(index, reader)
      start = end
    }
    const blocks = divideBlock(block, partOf, parts.outcomes.length)
    return divisionOf(parts.outcomes, blocks)
  }
}

function divisionOf(outcomes: readonly Outcome[], blocks: readonly RecordBlock[]): Division {
  const routed: { target: Target; block: RecordBlock }[] = []
  const unrouted: { why: SidecarError; block: RecordBlock }[] = []
  for (const [index, block] of blocks.entries()) {
    const outcome = outcomes[index] as Outcome
    if (outcome instanceof SidecarError) unrouted.push({ why: outcome, block })
    else routed.push({ target: outcome, block })
  }
  return { routed, unrouted }
}

/** The parts that one block is divided into, with a bound on their number. */
class Parts {
  readonly outcomes: Outcome[] = []
  readonly #options: FieldPlanOptions
  /** By candidate, by names, and by error. */
  readonly #known = new Map<number | string | SidecarError, number>()
  #targetsCount = 0
  #tooMany: SidecarError | undefined

  constructor(options: FieldPlanOptions) {
    this.#options = options
  }

  /** The part of a record that the candidate takes. */
  indexFor(candidate: number, reader: FieldReader): number {
    const known = this.#known.get(candidate)
    if (known !== undefined) return known
    const outcome = this.#options.candidates[candidate]?.outcome as Candidate['outcome']
    if (outcome instanceof NamesFromRecord) return this.#byNames(outcome, reader)
    if (outcome instanceof SidecarError) return this.#error(outcome)
    return this.#target(candidate, outcome)
  }

  #byNames({ route, database, table }: NamesFromRecord, reader: FieldReader): number {
    const databaseName = fillTemplate(database, reader.text)
    if (databaseName === undefined) return this.#error(route.database.missing)
    const tableName = fillTemplate(table, reader.text)
    if (tableName === undefined) return this.#error(route.table.missing)
    const key = nameKey(route.label, databaseName, tableName)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const { targets } = this.#options
    let target = targets.get(key)
    if (target === undefined) {
      const problem = route.database.problemWith(databaseName) ?? route.table.problemWith(tableName)
      if (problem !== undefined) return this.#error(problem)
      target = targetOf(databaseName, tableName, route)
      targets.set(key, target)
    }
    return this.#target(key, target)
  }

  #target(key: number | string, target: Target): number {
    const { maxTargets } = this.#options
    if (this.#targetsCount === maxTargets) {
      this.#tooMany ??= new SidecarError(
        'ROUTE_TOO_MANY_IN_BODY',
        `The records of one body name more than ${maxTargets} destinations: make fewer names with the templates in routes.`,
      )
      return this.#error(this.#tooMany)
    }
    this.#targetsCount += 1
    return this.#add(key, target)
  }

  #error(error: SidecarError): number {
    return this.#known.get(error) ?? this.#add(error, error)
  }

  #add(key: number | string | SidecarError, outcome: Outcome): number {
    const index = this.outcomes.push(outcome) - 1
    this.#known.set(key, index)
    return index
  }
}
