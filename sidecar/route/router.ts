import { LRUCache } from 'lru-cache'
import type { Target, WriteSettings } from '../core/destination.ts'
import { SidecarError } from '../core/errors.ts'
import type { RoutePlan, Router } from '../core/ports.ts'
import type { RecordSettings } from '../core/record-settings.ts'
import { type RequestHead, withoutOtlpSuffix } from '../core/request-head.ts'
import { fixedText } from '../core/template.ts'
import { type PathDestinationOptions, PathDestinations } from './path-destination.ts'
import { type Candidate, FieldPlan, NamesFromRecord, wholePlan } from './plan.ts'
import { compileRoute, type Route, type RouteOptions } from './route.ts'
import { pathKey, type Segment, segmentsOf } from './segments.ts'
import { nameKey, TargetMemory, targetOf } from './targets.ts'

export type RouterOptions = {
  /** The first one that fits a record takes it. */
  readonly routes: readonly RouteOptions[]
  /** Which names `/ingest/{database}/{table}` may have. */
  readonly pathDestinations: PathDestinationOptions
  /** Where records posted to `/` go. */
  readonly defaultDestination: { readonly database: string; readonly table: string } | undefined
  /** For `/` and `/ingest/{database}/{table}`. */
  readonly write: WriteSettings
  readonly records: RecordSettings
  /** How many destinations are in use at once, and are named by one body at most; as many look-ups are remembered. */
  readonly maxOpenDestinations: number
}

/** Remembered look-ups together; without it long paths and tags could take 16 MB and more. */
const maxRememberedSize = 1_000_000
/** What a candidate of a remembered plan counts, in characters: about its bytes. */
const candidateSize = 100

/** Tells a name of a path apart from one that a route makes. */
const pathLabel = 'path'

/**
 * Chooses targets: the first of the configured routes that fits path, tag and record, then `/ingest/{database}/{table}`, then `/`. A
 * slash at the end of a path does not count, and each segment is percent-decoded on its own, so that `%2F` never divides
 * segments. How many batches are open is not known here; the batch stage limits them.
 */
export function createRouter(options: RouterOptions): Router {
  return new FirstMatchRouter(options)
}

class FirstMatchRouter implements Router {
  readonly #options: RouterOptions
  readonly #routes: readonly Route[]
  readonly #pathDestinations: PathDestinations
  readonly #rootTarget: Target | undefined
  readonly #fixedTargets = new Map<Route, Target>()
  readonly #targets: TargetMemory
  readonly #plans: LRUCache<string, { readonly plan: RoutePlan; readonly size: number }>
  readonly #usesTag: boolean

  constructor(options: RouterOptions) {
    const { defaultDestination: root, maxOpenDestinations } = options
    this.#options = options
    this.#routes = options.routes.map(compileRoute)
    this.#pathDestinations = new PathDestinations(options.pathDestinations)
    this.#rootTarget = root === undefined ? undefined : targetOf(root.database, root.table, options)
    for (const route of this.#routes) {
      const [database, table] = [route.database.fixed, route.table.fixed]
      if (database === undefined || table === undefined) continue
      this.#fixedTargets.set(route, targetOf(database, table, route))
    }
    this.#targets = new TargetMemory(maxOpenDestinations)
    this.#plans = new LRUCache({
      max: maxOpenDestinations,
      maxSize: maxRememberedSize,
      sizeCalculation: ({ size }, key) => key.length + size + 1,
    })
    this.#usesTag = this.#routes.some(
      ({ fitsTag, database, table }) => fitsTag !== undefined || database.usesTag || table.usesTag,
    )
  }

  plan({ path, tag, to }: RequestHead): RoutePlan {
    if (to !== undefined) {
      const target = targetOf(to.database, to.table, this.#routeTo(to) ?? this.#options)
      return wholePlan(target, target.records)
    }
    const key = !this.#usesTag || tag === undefined ? `:${path}` : `${path.length}:${path}:${tag}`
    const known = this.#plans.get(key)
    if (known !== undefined) return known.plan
    const { candidates, records } = this.#candidatesFor(path, tag)
    const [first] = candidates
    if (candidates.length === 1 && first !== undefined && !(first.outcome instanceof NamesFromRecord)) {
      const plan = wholePlan(first.outcome, records)
      // Refusals are not remembered: paths that nobody routes must not push out those that are in use.
      if (!(first.outcome instanceof SidecarError)) this.#plans.set(key, { plan, size: candidateSize })
      return plan
    }
    const maxTargets = this.#options.maxOpenDestinations
    const plan = new FieldPlan({ candidates, records, targets: this.#targets, maxTargets })
    this.#plans.set(key, { plan, size: candidates.length * candidateSize })
    return plan
  }

  targetFor(destination: Target['destination']): Target {
    const settings = this.#routeTo(destination) ?? this.#options
    return { ...targetOf(destination.database, destination.table, settings), destination }
  }

  /** The first route whose names are these, whatever the record. */
  #routeTo({ database, table }: { readonly database: string; readonly table: string }): Route | undefined {
    return this.#routes.find((route) => route.database.fixed === database && route.table.fixed === table)
  }

  /** The routes that may take a record with this path and tag, up to the one that takes any. */
  #candidatesFor(
    path: string,
    tag: string | undefined,
  ): { candidates: Candidate[]; records: RecordSettings } {
    const segments = segmentsOf(withoutOtlpSuffix(path))
    const routes = this.#routesOfPath(pathKey(segmentsOf(path)), pathKey(segments))
    const candidates: Candidate[] = []
    for (const route of routes) {
      if (route.fitsTag !== undefined && (tag === undefined || !route.fitsTag(tag))) continue
      candidates.push({ field: route.field, outcome: this.#outcomeOf(route, tag) })
      if (route.field === undefined) return { candidates, records: route.records }
    }
    const isRouted = routes.some((route) => route.pathKey !== undefined)
    candidates.push({ field: undefined, outcome: this.#byPath(segments, isRouted) })
    return { candidates, records: this.#options.records }
  }

  /**
   * The routes for a path, in their order. The path of OTLP counts without its end; only when a route names the whole path, this one
   * and those for every path go before those that name the rest.
   */
  #routesOfPath(whole: string, rest: string): Route[] {
    const withKey = (key: string) =>
      this.#routes.filter((route) => route.pathKey === undefined || route.pathKey === key)
    if (whole === rest || this.#routes.every((route) => route.pathKey !== whole)) return withKey(rest)
    return [...withKey(whole), ...this.#routes.filter((route) => route.pathKey === rest)]
  }

  #outcomeOf(route: Route, tag: string | undefined): Candidate['outcome'] {
    const fixed = this.#fixedTargets.get(route)
    if (fixed !== undefined) return fixed
    const database = route.database.bind(tag)
    if (database instanceof SidecarError) return database
    const table = route.table.bind(tag)
    if (table instanceof SidecarError) return table
    const [databaseName, tableName] = [fixedText(database), fixedText(table)]
    // What the tag alone makes is checked once, before any record is looked at.
    const problem =
      (databaseName === undefined ? undefined : route.database.problemWith(databaseName)) ??
      (tableName === undefined ? undefined : route.table.problemWith(tableName))
    if (problem !== undefined) return problem
    if (databaseName === undefined || tableName === undefined)
      return new NamesFromRecord(route, database, table)
    const target = targetOf(databaseName, tableName, route)
    return this.#remember(nameKey(route.label, databaseName, tableName), target)
  }

  #byPath(segments: readonly Segment[], isRouted: boolean): Target | SidecarError {
    if (segments.length === 0 && this.#rootTarget !== undefined) return this.#rootTarget
    const names = this.#pathDestinations.namesIn(segments, isRouted)
    if (names instanceof SidecarError) return names
    const target = targetOf(names.database, names.table, this.#options)
    return this.#remember(nameKey(pathLabel, names.database, names.table), target)
  }

  /** The target that is known by the key already, or this one from now on. */
  #remember(key: string, target: Target): Target {
    const known = this.#targets.get(key)
    if (known === undefined) this.#targets.set(key, target)
    return known ?? target
  }
}
